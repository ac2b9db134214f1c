/* client_memory.h - counts the bytes that podop keeps for all clients: requests, open transactions
 * and answers. Above a limit, clients with unread answers are asked for nothing more, long answers
 * wait outside of podop, and those clients that keep most are disconnected. */
#ifndef PODOP_SERVER_CLIENT_MEMORY_H
#define PODOP_SERVER_CLIENT_MEMORY_H

#include <ev.h>

#include <stdbool.h>
#include <stddef.h>

/* Called from the loop; arg is that of client_memory_init(). */
struct client_memory_ops {
    /* Called every quarter of a second while the limit is exceeded: disconnects those clients that
     * keep most, while client_memory_is_high(). At first, it spares clients that read slowly. */
    void (*relieve)(void *arg, bool spares_readers);
    void (*relieved)(void *arg); /* clients may be asked again */
};

struct client_memory {
    struct ev_loop *loop;
    const struct client_memory_ops *ops;
    void *arg;
    size_t bytes;           /* kept for all clients */
    size_t taken_bytes;     /* added to bytes in this turn */
    bool is_over_limit;     /* bytes exceeded the limit, and are not low enough again */
    bool is_under_pressure; /* is_over_limit, or taken_bytes are over their limit */
    ev_timer tick;          /* runs while is_over_limit */
    unsigned ticks;
};

void client_memory_init(struct client_memory *memory, struct ev_loop *loop,
                        const struct client_memory_ops *ops, void *arg);
void client_memory_deinit(struct client_memory *memory);

void client_memory_begin_turn(struct client_memory *memory);
/* Notes that a client, which was counted with *counted bytes so far, keeps this many now. */
void client_memory_count(struct client_memory *memory, size_t *counted, size_t bytes);
/* Returns whether bytes are still too many for the relief to end. */
bool client_memory_is_high(const struct client_memory *memory);

/* Returns whether so much was taken in this turn that the other clients wait for the next one. */
static inline bool client_memory_is_turn_over(const struct client_memory *memory)
{
    return memory->is_under_pressure && !memory->is_over_limit;
}

#endif
