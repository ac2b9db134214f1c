/* client_memory.h - counts the bytes that podop keeps for all clients: requests, open transactions
 * and answers. Above a limit, podop reads nothing from clients with unread answers, sessions buffer
 * no long answers, and the clients that use the most memory are disconnected. */
#ifndef PODOP_SERVER_CLIENT_MEMORY_H
#define PODOP_SERVER_CLIENT_MEMORY_H

#include <ev.h>

#include <stdbool.h>
#include <stddef.h>

/* Called from the loop; arg is that of client_memory_init(). */
struct client_memory_ops {
    /* Called every quarter of a second while the limit is exceeded: disconnects the clients that
     * use the most memory, while client_memory_is_high(). spares_readers: but not those that read
     * slowly. */
    void (*relieve)(void *arg, bool spares_readers);
    void (*relieved)(void *arg); /* reports that all clients may be read again */
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
/* Sets the bytes of one client, whose number so far is in *counted. */
void client_memory_count(struct client_memory *memory, size_t *counted, size_t bytes);
/* Returns whether bytes are still too many for the relief to end. */
bool client_memory_is_high(const struct client_memory *memory);

/* Returns whether clients took so much memory in this turn that the others wait for the next one.
 */
static inline bool client_memory_is_turn_over(const struct client_memory *memory)
{
    return memory->is_under_pressure && !memory->is_over_limit;
}

#endif
