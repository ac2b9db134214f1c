/* client.h - one connection: moves bytes between a descriptor and a protocol's session, and knows
 * no protocol by name. */
#ifndef PODOP_SERVER_CLIENT_H
#define PODOP_SERVER_CLIENT_H

#include "listener.h"

#include "podop/buf.h"

struct client;

/* More clients are seldom answered before one of them is written to. */
enum { SPARE_OUTS_MAX = 128 };

/* What all clients of one server share. */
struct client_world {
    struct ev_loop *loop;
    struct log *log;
    struct client *first;                     /* all that are connected */
    struct client *first_woken, **last_woken; /* to be fed and flushed, oldest first */
    ev_prepare work;       /* never started, only fed: at the end of a wake-up, for all woken */
    ev_timer next_turn;    /* runs while clients are woken that this turn had no time for */
    size_t turn_cost;      /* of this turn, so far: see TURN_COST_MAX */
    bool was_cut;          /* clients were left unread in this turn */
    bool is_crowded;       /* so it was in the last one: who was read in this round has to wait */
    uint32_t round;        /* in which each client is read once when it is crowded */
    size_t buffered_bytes; /* that podop keeps for all clients */
    size_t taken_bytes;    /* added to buffered_bytes in this turn */
    bool is_over_limit;    /* buffered_bytes went over its limit and is not low enough yet */
    bool is_under_memory_pressure; /* is_over_limit, or taken_bytes is over its limit */
    ev_timer relief;               /* runs while is_over_limit */
    unsigned relief_ticks;
    uint64_t connections;       /* ever; the next one's number in logs */
    void (*on_gone)(void *arg); /* after each client that left; may be NULL */
    void *on_gone_arg;
    char *scratch; /* what is read goes here first: idle clients own no buffer */
    struct buf spare_out[SPARE_OUTS_MAX]; /* empty, for answers that go out in the same wake-up */
    unsigned spare_out_count;
};

void client_world_init(struct client_world *world, struct ev_loop *loop, struct log *log);
void client_world_deinit(struct client_world *world); /* cuts off who is still there */

void client_new(struct client_world *world, struct listener *listener, int fd); /* fd is taken */

struct client_counts {
    size_t clients, requests; /* those under way */
};
struct client_counts clients_count(const struct client_world *world);

/* What has arrived by now is answered, then each client is hung up on. */
void clients_stop(struct client_world *world);

#endif
