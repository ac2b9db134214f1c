/* url_turn.h - how many lookups of one key may be under way at a time. A key on which the backend
 * hangs would otherwise take every connection of the pool, each for the whole timeout. What comes
 * beyond waits for its turn; other keys do not notice. A pool of few connections has none to spare:
 * there, only a key that was not answered before is bounded. */
#ifndef PODOP_TABLE_URL_URL_TURN_H
#define PODOP_TABLE_URL_URL_TURN_H

#include "podop/deadline.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    URL_TURNS_POOL_MIN = 16, /* a pool of fewer connections is a small one */
    URL_TURNS_FREE_PART = 4, /* of the pool's connections: so many are not even counted by key */
    URL_TURNS_KEY_PART = 8,  /* so many more are there for each key */
    URL_SLOW_KEYS_MAX = 16,  /* that are remembered */
    URL_TURN_SLOTS = 64,
};

struct url_turn_key; /* one that is counted */

/* All zero but for loop: nothing is under way. */
struct url_turns {
    struct ev_loop *loop;
    size_t under_way;
    struct url_turn_key *slots[URL_TURN_SLOTS];
    uint64_t slow[URL_SLOW_KEYS_MAX]; /* keys that were not answered */
    unsigned slow_count, slow_next;
};

typedef void url_turn_fn(void *arg, bool is_late);

/* Of one lookup; all zero before it. */
struct url_turn {
    bool is_taken;
    struct url_turn_key *key; /* NULL: it is not counted by key */
    struct url_turn *next, **prev_next;
    struct deadline deadline; /* of the wait; ended early when the turn has come */
    url_turn_fn *done;
    void *arg;
};

/* Whether it may still be sent without being counted by its key, which costs nothing. Not for a
 * slow one. */
bool url_turn_take(struct url_turns *turns, struct url_turn *turn, uint32_t max_connections);
/* The same for any other; key is a hash of it. false: url_turn_wait() has to follow. */
bool url_turn_take_of(struct url_turns *turns, struct url_turn *turn, uint64_t key,
                      uint32_t max_connections);
/* done runs from the loop, once, when it has its turn, or at at_ms of service_now_ms(). */
void url_turn_wait(struct url_turns *turns, struct url_turn *turn, uint64_t at_ms,
                   url_turn_fn *done, void *arg);
/* It is over, or not wanted any more. Any number of times. */
void url_turn_end(struct url_turns *turns, struct url_turn *turn);

/* The backend was sent a lookup of key and did not answer. */
void url_turns_add_slow(struct url_turns *turns, uint64_t key);
void url_turns_remove_slow(struct url_turns *turns, uint64_t key); /* it did answer */
bool url_turns_is_slow(const struct url_turns *turns, uint64_t key);

#endif
