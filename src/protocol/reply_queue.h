/* reply_queue.h - the replies to one client, in the order of its requests. The reply to the oldest
 * request is written directly to the client's output. A reply that is ready earlier is buffered
 * until its turn, or sent out of order if the protocol can name the request that it answers. */
#ifndef PODOP_PROTOCOL_REPLY_QUEUE_H
#define PODOP_PROTOCOL_REPLY_QUEUE_H

#include "podop/buf.h"

enum {
    REPLY_QUEUE_SLOTS_MAX = 64, /* requests of one client that are pending at a time */
    /* Bytes of output that the client has not read, and of buffered replies. Beyond that the
     * session takes no more requests. */
    REPLY_QUEUE_UNREAD_BYTES_MAX = 256 * 1024,
    /* The same, plus the bytes of pending requests and of the replies that are expected. Beyond
     * that the session takes no more requests and buffers no more replies. */
    REPLY_QUEUE_BYTES_MAX = 1024 * 1024,
    /* Under memory pressure (see session_io) only replies up to this size are kept. */
    REPLY_QUEUE_SHORT_BYTES = 4096,
};

/* The place of one reply. A protocol's request struct has it as a member. */
struct reply_slot {
    struct reply_slot *next;
    struct buf buffered; /* the reply, when it was written before its turn */
    bool is_complete;    /* the reply is written and waits for its turn */
    uint32_t id;         /* announced to the client; 0: none */
};

struct reply_queue {
    struct reply_slot *first, **last; /* oldest first */
    size_t count;
    size_t buffered_bytes;                /* of all slots */
    size_t request_bytes;                 /* of pending requests; the protocol keeps this current */
    size_t in_flight;                     /* lookups whose replies are expected */
    size_t typical_bytes;                 /* of one such reply, estimated from the latest ones */
    const bool *is_under_memory_pressure; /* borrowed; see session_io */
    struct buf *out;                      /* borrowed: the client's output */
    void (*free_slot)(struct reply_slot *slot); /* called for each slot that has left the queue */
    /* Appends the announcement that the client's oldest request without an id has this id. NULL:
     * replies are always in order. */
    void (*announce)(struct buf *out, uint32_t id);
    uint32_t last_id;
};

/* Initialises an empty queue. is_under_memory_pressure may be NULL, which means never. */
void reply_queue_init(struct reply_queue *queue, struct buf *out,
                      const bool *is_under_memory_pressure,
                      void (*free_slot)(struct reply_slot *slot));
void reply_queue_deinit(struct reply_queue *queue); /* frees all slots, complete or not */

void reply_queue_add(struct reply_queue *queue, struct reply_slot *slot); /* at the end */

/* Returns the bytes of output that the client has not read, and of buffered replies. */
static inline size_t reply_queue_unread_bytes(const struct reply_queue *queue)
{
    return queue->out->len + queue->buffered_bytes;
}

/* The slow path of reply_queue_is_full(), for a queue with slots. */
bool reply_queue_has_no_room(const struct reply_queue *queue);

/* Returns whether the session must take no more requests. Called several times for each request;
 * most of the time the queue is empty. */
static inline bool reply_queue_is_full(const struct reply_queue *queue)
{
    const size_t unread = queue->out->len;

    if (queue->first != NULL)
        return reply_queue_has_no_room(queue);
    return unread > 0 &&
           (unread >= REPLY_QUEUE_UNREAD_BYTES_MAX || *queue->is_under_memory_pressure);
}

/* Counts a lookup that has begun to wait. One of the two functions below must follow. */
static inline void reply_queue_expect(struct reply_queue *queue)
{
    queue->in_flight++;
}
/* Counts the end of a lookup with a reply of this size. */
void reply_queue_arrived(struct reply_queue *queue, size_t bytes);
/* Counts the end of a lookup that was cancelled. */
static inline void reply_queue_cancelled(struct reply_queue *queue)
{
    queue->in_flight--;
}

/* Returns whether a reply of this size may be written to slot now. If not, the protocol drops the
 * reply and looks the key up again when reply_queue_may_retry() allows that, at the latest when the
 * client has read all its output. */
bool reply_queue_admits(const struct reply_queue *queue, const struct reply_slot *slot,
                        size_t bytes);
bool reply_queue_may_retry(const struct reply_queue *queue, const struct reply_slot *slot);
/* reply_queue_admits() for a reply that is known without waiting, while the queue is not full. */
static inline bool reply_queue_admits_known(const struct reply_queue *queue, size_t bytes)
{
    return bytes <= REPLY_QUEUE_SHORT_BYTES || !*queue->is_under_memory_pressure;
}

/* Announces an id for each older slot and for slot, unless they have one. Only for a queue with
 * announce(). */
void reply_queue_announce(struct reply_queue *queue, struct reply_slot *slot);

/* Returns the buffer for the reply of slot. The reply must name slot->id unless that is 0.
 * reply_queue_end() must follow. */
struct buf *reply_queue_begin(struct reply_queue *queue, struct reply_slot *slot);
/* Ends the reply. If it is the turn of slot, the reply and all complete ones after it go to the
 * output, and their slots are freed. */
void reply_queue_end(struct reply_queue *queue, struct reply_slot *slot);

#endif
