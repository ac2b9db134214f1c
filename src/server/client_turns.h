/* client_turns.h - decides which clients are read and written to in one turn of the event loop. A
 * turn is cut after a certain cost, so that many clients, or a few that send much, do not delay
 * other work for long. Independent of connections and protocols. */
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
    bool was_cut;          /* some clients could not be read in this turn */
    bool is_crowded;       /* the last turn was cut: each client is read at most once in a round */
    uint32_t round;        /* number of the round, which ends with the first turn that is not cut */
};

/* The part of a client that this module needs. */
struct client_turn {
    struct list_node woken;
    uint32_t round; /* in which the client was read last */
};

/* Initialises turns. serve is called to serve the woken clients; see client_turns_begin(). */
void client_turns_init(struct client_turns *turns, struct ev_loop *loop, deferred_fn *serve,
                       void *arg);
void client_turns_deinit(struct client_turns *turns);

void client_turns_join(struct client_turns *turns, struct client_turn *client);
void client_turns_leave(struct client_turn *client);

/* Returns whether the client may be read in this turn, and then counts its cost. If not, the next
 * turn finds its descriptor readable again. */
bool client_turns_may_read(struct client_turns *turns, struct client_turn *client);

/* Requests one call of serve at the end of this wake-up of the loop. Needed after each read,
 * because serve also ends the turn, and the round when every client was read. */
void client_turns_request(struct client_turns *turns);
/* Adds the client to the woken ones, and requests the call. */
void client_turns_wake(struct client_turns *turns, struct client_turn *client);

/* serve calls these three: begin once, then take until it returns NULL, then end. take returns the
 * next woken client, or NULL when there is none or the turn is cut. The remaining clients are
 * served in the next turn. */
void client_turns_begin(struct client_turns *turns);
struct client_turn *client_turns_take(struct client_turns *turns);
void client_turns_end(struct client_turns *turns);

#endif
