/* owed.h - the answers that one client is owed, in the order in which it asked. An answer whose
 * turn it is goes straight to the client's buffer; one that is ready before its turn waits here, or
 * overtakes the others where the protocol can tell the client whose answer it is. */
#ifndef PODOP_PROTOCOL_OWED_H
#define PODOP_PROTOCOL_OWED_H

#include "podop/buf.h"

enum {
    OWED_MAX = 64, /* answers that one client is owed at a time */
    /* Bytes that it has not read, and of answers that wait for their turn: beyond that it is asked
     * for nothing more. */
    OWED_UNREAD_BYTES_MAX = 256 * 1024,
    /* The same, with its requests and with what those under way will bring, going by what came
     * last: beyond that nothing more is asked for, and an answer is not kept before its turn. */
    OWED_BYTES_MAX = 1024 * 1024,
    /* While all clients together are over their limit, only so short an answer is kept. */
    OWED_SHORT_BYTES = 4096,
};

/* One answer. A protocol's request struct begins with it; that struct is the owner's to free. */
struct owed {
    struct owed *next;
    struct buf early; /* the answer, while others are owed before it */
    bool is_answered;
    uint32_t id; /* under which it was announced to the client; 0: it was not */
};

struct owed_queue {
    struct owed *first, **last; /* oldest first */
    size_t count;               /* not answered yet, or waiting for their turn */
    size_t early_bytes;         /* of answers that wait for their turn */
    size_t request_bytes;       /* of the requests, as far as their owner keeps them */
    size_t under_way;           /* lookups whose answers have to be expected */
    size_t usual_bytes;         /* of an answer to one, going by the last ones */
    const bool *is_tight;       /* borrowed: whether all clients together leave too much unread */
    struct buf *out;            /* borrowed */
    void (*free_owed)(struct owed *owed); /* for what has left the queue */
    /* Tells the client that the oldest of its requests that has none yet has this id. NULL: answers
     * never overtake. */
    void (*announce)(struct buf *out, uint32_t id);
    uint32_t last_id;
};

/* is_tight may be NULL: never. */
void owed_init(struct owed_queue *queue, struct buf *out, const bool *is_tight,
               void (*free_owed)(struct owed *owed));
void owed_deinit(struct owed_queue *queue); /* frees what is still in it, unanswered or not */

void owed_add(struct owed_queue *queue, struct owed *owed);

/* Bytes that the client has not read, and of answers that wait for their turn. */
static inline size_t owed_unread(const struct owed_queue *queue)
{
    return queue->out->len + queue->early_bytes;
}

bool owed_is_full_of_some(const struct owed_queue *queue); /* owed_is_full(), when some are owed */

/* Whether no further request may begin. Asked several times for each: mostly nothing is owed. */
static inline bool owed_is_full(const struct owed_queue *queue)
{
    const size_t unread = queue->out->len;

    if (queue->first != NULL)
        return owed_is_full_of_some(queue);
    return unread > 0 && (unread >= OWED_UNREAD_BYTES_MAX || *queue->is_tight);
}

/* A lookup has begun to wait, and then it has ended: with an answer of so many bytes, or none. */
static inline void owed_expect(struct owed_queue *queue)
{
    queue->under_way++;
}
void owed_came(struct owed_queue *queue, size_t bytes);
static inline void owed_gave_up(struct owed_queue *queue)
{
    queue->under_way--;
}
/* Whether so many bytes, which answer owed, can be kept now. Otherwise the answer is dropped, and
 * asked for again when owed_may_ask() says so: at the latest when the client has read all. */
bool owed_admits(const struct owed_queue *queue, const struct owed *owed, size_t bytes);
bool owed_may_ask(const struct owed_queue *queue, const struct owed *owed);
/* The same for an answer that is known as soon as it is asked for, while the queue is not full. */
static inline bool owed_admits_known(const struct owed_queue *queue, size_t bytes)
{
    return bytes <= OWED_SHORT_BYTES || !*queue->is_tight;
}

/* Gives owed an id, and before it each that is older. For queues that announce. */
void owed_announce(struct owed_queue *queue, struct owed *owed);

/* Where to write the answer of owed, under its id where it has one by then; owed_end() must follow.
 */
struct buf *owed_begin(struct owed_queue *queue, struct owed *owed);
/* The answer is written: it leaves, with all behind it that have waited. Frees owed. */
void owed_end(struct owed_queue *queue, struct owed *owed);

#endif
