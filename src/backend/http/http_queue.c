#include "http_queue.h"

void http_queue_init(struct http_queue *queue, const struct pool_config *pool)
{
    *queue = (struct http_queue){.pool = pool};
    list_init(&queue->waiting);
    list_init(&queue->blocked);
}

static struct http_turn *first_waiting(const struct http_queue *queue)
{
    return LIST_ENTRY_OR_NULL(list_first(&queue->waiting), struct http_turn, waiting);
}

static bool has_place(const struct http_queue *queue)
{
    return queue->in_flight < queue->pool->max_connections;
}

static void leave_waiting(struct http_turn *turn)
{
    list_remove(&turn->waiting);
    turn->queue->waiting_count--;
    turn->state = HTTP_TURN_ENDED;
}

/* Lets the stream that has been blocked longest give up its place, if all places are taken. */
static void make_place(struct http_queue *queue)
{
    if (has_place(queue))
        return;
    LIST_FOR_EACH (at, &queue->blocked) {
        struct http_turn *turn = CONTAINER_OF(at, struct http_turn, blocked);

        if (turn->may_give_up && turn->events->is_unread(turn)) {
            turn->events->give_up(turn);
            return;
        }
    }
}

static void begin(struct http_turn *turn)
{
    turn->state = HTTP_TURN_IN_FLIGHT;
    turn->queue->in_flight++;
    turn->events->begin(turn);
}

void http_queue_run(struct http_queue *queue)
{
    struct http_turn *turn;

    while ((turn = first_waiting(queue)) != NULL && has_place(queue)) {
        leave_waiting(turn);
        if (turn->events->is_wanted(turn))
            begin(turn);
        else
            turn->events->refuse(turn);
    }
    if (turn != NULL)
        make_place(queue);
}

bool http_turn_start(struct http_turn *turn, struct http_queue *queue)
{
    turn->queue = queue;
    if (queue->waiting_count == 0 && has_place(queue)) {
        begin(turn);
        return true;
    }
    if (queue->waiting_count >= queue->pool->max_waiting)
        return false;
    turn->state = HTTP_TURN_WAITING;
    list_append(&queue->waiting, &turn->waiting);
    queue->waiting_count++;
    http_queue_run(queue);
    return true;
}

bool http_turn_end(struct http_turn *turn)
{
    const bool was_in_flight = turn->state == HTTP_TURN_IN_FLIGHT;

    http_turn_unblock(turn);
    if (turn->state == HTTP_TURN_WAITING)
        leave_waiting(turn);
    else if (was_in_flight)
        turn->queue->in_flight--;
    turn->state = HTTP_TURN_ENDED;
    return was_in_flight;
}

bool http_turn_block(struct http_turn *turn)
{
    if (list_has(&turn->blocked))
        return false;
    list_append(&turn->queue->blocked, &turn->blocked);
    return true;
}

void http_turn_unblock(struct http_turn *turn)
{
    turn->may_give_up = false;
    list_remove(&turn->blocked);
}

void http_turn_let_give_up(struct http_turn *turn)
{
    turn->may_give_up = true;
    if (!list_is_empty(&turn->queue->waiting))
        make_place(turn->queue);
}
