#include "client_turns.h"

#include "podop/priority.h"

enum { TURN_COST_MAX = 512 * 1024 }; /* of reading in one turn, and again of writing */

static void on_next_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct client_turns *turns = w->data;

    (void)loop;
    (void)revents;
    deferred_start(&turns->serve); /* after reading what has arrived meanwhile */
}

void client_turns_init(struct client_turns *turns, struct ev_loop *loop, deferred_fn *serve,
                       void *arg)
{
    *turns = (struct client_turns){.loop = loop};
    list_init(&turns->woken);
    deferred_init(&turns->serve, loop, PRIORITY_CLIENTS, serve, arg);
    ev_timer_init(&turns->next_turn, on_next_turn, 0.0, 0.0);
    turns->next_turn.data = turns;
}

void client_turns_deinit(struct client_turns *turns)
{
    deferred_stop(&turns->serve);
    ev_timer_stop(turns->loop, &turns->next_turn);
}

void client_turns_join(struct client_turns *turns, struct client_turn *client)
{
    *client = (struct client_turn){.round = turns->round - 1};
}

void client_turns_leave(struct client_turn *client)
{
    list_remove(&client->woken);
}

void client_turns_request(struct client_turns *turns)
{
    if (!deferred_is_pending(&turns->serve) && !ev_is_active(&turns->next_turn))
        deferred_start(&turns->serve);
}

void client_turns_wake(struct client_turns *turns, struct client_turn *client)
{
    if (list_has(&client->woken))
        return;
    list_append(&turns->woken, &client->woken);
    client_turns_request(turns);
}

bool client_turns_may_read(struct client_turns *turns, struct client_turn *client)
{
    if (turns->cost >= TURN_COST_MAX) {
        turns->was_cut = true;
    } else if (!turns->is_crowded || client->round != turns->round) {
        client->round = turns->round;
        turns->cost += TURN_CLIENT_COST;
        return true;
    }
    client_turns_request(turns);
    return false;
}

void client_turns_begin(struct client_turns *turns)
{
    turns->is_crowded = turns->was_cut;
    if (!turns->was_cut)
        turns->round++;
    turns->was_cut = false;
    turns->cost = 0;
}

struct client_turn *client_turns_take(struct client_turns *turns)
{
    if (turns->cost >= TURN_COST_MAX || list_is_empty(&turns->woken))
        return NULL;
    turns->cost += TURN_CLIENT_COST;
    return CONTAINER_OF(list_pop(&turns->woken), struct client_turn, woken);
}

void client_turns_end(struct client_turns *turns)
{
    turns->cost = 0;
    if (!list_is_empty(&turns->woken))
        ev_timer_start(turns->loop, &turns->next_turn);
}
