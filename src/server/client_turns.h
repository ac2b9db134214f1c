/* client_turns.h - decides which clients are read and written to in one turn of the event loop. A
 * turn is cut after a certain cost, so that many clients, or a few that send much, delay nothing
 * else for long. Knows nothing of connections or protocols. */
#ifndef PODOP_SERVER_CLIENT_TURNS_H
#define PODOP_SERVER_CLIENT_TURNS_H

#include "podop/deferred.h"
#include "podop/list.h"

#include <ev.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The cost of work in a turn. A byte of an answer costs one when it is made and one when it is
 * written. */
enum { TURN_CLIENT_COST = 2048, TURN_REQUEST_BYTE_COST = 8 };

struct client_turns {
    struct ev_loop *loop;
    struct list woken;     /* clients to be served, oldest first */
    struct deferred serve; /* serves the woken clients at the end of a wake-up of the loop */
    ev_timer next_turn;    /* runs while clients wait that this turn had no time for */
    size_t cost;           /* of this turn, so far */
    bool was_cut;          /* this turn had no time to read from some clients */
    bool is_crowded;       /* the last turn was cut: a client is read once in a round */
    uint32_t round;        /* while turns are cut, it goes on until every client had its turn */
};

/* A client as seen here. */
struct client_turn {
    struct list_node woken;
    uint32_t round; /* in which the client was read last */
};

/* serve has to serve the woken clients, by the three functions below. */
void client_turns_init(struct client_turns *turns, struct ev_loop *loop, deferred_fn *serve,
                       void *arg);
void client_turns_deinit(struct client_turns *turns);

void client_turns_join(struct client_turns *turns, struct client_turn *client);
void client_turns_leave(struct client_turn *client);

/* Returns whether the client is read in this turn, which then is taken note of. If not, its
 * descriptor is still readable in the next turn. */
bool client_turns_may_read(struct client_turns *turns, struct client_turn *client);

/* Has serve called at the end of this wake-up, which also ends the turn's round. */
void client_turns_request(struct client_turns *turns);
/* Has the client served then. */
void client_turns_wake(struct client_turns *turns, struct client_turn *client);

/* For serve: begins, takes the next client or NULL when there is none or the turn is over, and
 * ends. Clients that were not taken are served in the next turn. */
void client_turns_begin(struct client_turns *turns);
struct client_turn *client_turns_take(struct client_turns *turns);
void client_turns_end(struct client_turns *turns);

#endif
