#include "url_turn.h"

#include "podop/mem.h"

#include <stdlib.h>

struct url_turn_key {
    struct url_turn_key *next;
    uint64_t hash;
    uint32_t under_way;
    struct url_turn *waiting, **waiting_last; /* the oldest first */
};

bool url_turns_is_slow(const struct url_turns *turns, uint64_t key)
{
    for (unsigned i = 0; i < turns->slow_count; i++) {
        if (turns->slow[i] == key)
            return true;
    }
    return false;
}

void url_turns_add_slow(struct url_turns *turns, uint64_t key)
{
    if (url_turns_is_slow(turns, key))
        return;
    if (turns->slow_count < URL_SLOW_KEYS_MAX) {
        turns->slow[turns->slow_count++] = key;
    } else {
        turns->slow[turns->slow_next] = key;
        turns->slow_next = (turns->slow_next + 1) % URL_SLOW_KEYS_MAX;
    }
}

void url_turns_remove_slow(struct url_turns *turns, uint64_t key)
{
    for (unsigned i = 0; i < turns->slow_count; i++) {
        if (turns->slow[i] == key)
            turns->slow[i--] = turns->slow[--turns->slow_count];
    }
}

static uint32_t limit_of(const struct url_turns *turns, uint64_t key, uint32_t max_connections)
{
    if (max_connections < URL_TURNS_POOL_MIN && !url_turns_is_slow(turns, key))
        return UINT32_MAX;
    return max_connections < URL_TURNS_KEY_PART ? 1 : max_connections / URL_TURNS_KEY_PART;
}

bool url_turn_take(struct url_turns *turns, struct url_turn *turn, uint32_t max_connections)
{
    if (max_connections >= URL_TURNS_POOL_MIN &&
        turns->under_way >= max_connections / URL_TURNS_FREE_PART)
        return false;
    turn->is_taken = true;
    turns->under_way++;
    return true;
}

static struct url_turn_key *find_key(struct url_turns *turns, uint64_t hash)
{
    struct url_turn_key **slot = &turns->slots[hash / 2 % URL_TURN_SLOTS];
    struct url_turn_key *key = *slot;

    while (key != NULL && key->hash != hash)
        key = key->next;
    if (key != NULL)
        return key;
    key = xcalloc(1, sizeof(*key));
    key->hash = hash;
    key->waiting_last = &key->waiting;
    key->next = *slot;
    *slot = key;
    return key;
}

static void free_if_unused(struct url_turns *turns, struct url_turn_key *key)
{
    struct url_turn_key **link = &turns->slots[key->hash / 2 % URL_TURN_SLOTS];

    if (key->under_way > 0 || key->waiting != NULL)
        return;
    while (*link != key)
        link = &(*link)->next;
    *link = key->next;
    free(key);
}

bool url_turn_take_of(struct url_turns *turns, struct url_turn *turn, uint64_t hash,
                      uint32_t max_connections)
{
    turn->key = find_key(turns, hash);
    if (turn->key->under_way >= limit_of(turns, hash, max_connections))
        return false;
    turn->key->under_way++;
    turns->under_way++;
    turn->is_taken = true;
    return true;
}

static void leave(struct url_turn *turn)
{
    *turn->prev_next = turn->next;
    if (turn->next != NULL)
        turn->next->prev_next = turn->prev_next;
    else
        turn->key->waiting_last = turn->prev_next;
    turn->prev_next = NULL;
    deadline_stop(&turn->deadline);
}

static void on_turn(void *arg)
{
    struct url_turn *turn = arg;

    turn->done(turn->arg, !turn->is_taken);
}

void url_turn_wait(struct url_turns *turns, struct url_turn *turn, uint64_t at_ms,
                   url_turn_fn *done, void *arg)
{
    turn->done = done;
    turn->arg = arg;
    turn->next = NULL;
    turn->prev_next = turn->key->waiting_last;
    *turn->key->waiting_last = turn;
    turn->key->waiting_last = &turn->next;
    deadline_init(&turn->deadline, on_turn, turn);
    deadline_start(&turn->deadline, turns->loop, at_ms);
}

/* From the loop, for whoever ends may be in the middle of something. */
static void give_to_next(struct url_turns *turns, struct url_turn_key *key)
{
    struct url_turn *turn = key->waiting;

    if (turn == NULL)
        return;
    leave(turn);
    turn->is_taken = true;
    key->under_way++;
    turns->under_way++;
    deadline_end(&turn->deadline, turns->loop);
}

void url_turn_end(struct url_turns *turns, struct url_turn *turn)
{
    struct url_turn_key *key = turn->key;

    if (turn->prev_next != NULL)
        leave(turn);
    deadline_stop(&turn->deadline);
    if (turn->is_taken) {
        turns->under_way--;
        if (key != NULL)
            key->under_way--;
        if (key != NULL)
            give_to_next(turns, key);
    }
    turn->is_taken = false;
    turn->key = NULL;
    if (key != NULL)
        free_if_unused(turns, key);
}
