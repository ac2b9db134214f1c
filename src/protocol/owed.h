/* owed.h - the answers that one client is owed, in the order in which it asked. An answer whose
 * turn it is goes straight to the client's buffer; one that is ready before its turn waits here, or
 * overtakes the others where the protocol can tell the client whose answer it is. */
#ifndef PODOP_PROTOCOL_OWED_H
#define PODOP_PROTOCOL_OWED_H

#include "podop/buf.h"

/* One answer. A protocol's request struct begins with it; that struct is the owner's to free. */
struct owed {
    struct owed *next;
    struct buf early; /* the answer, while others are owed before it */
    bool is_answered;
    uint32_t id; /* under which it was announced to the client; 0: it was not */
};

struct owed_queue {
    struct owed *first, **last;           /* oldest first */
    size_t count;                         /* not answered yet, or waiting for their turn */
    size_t early_bytes;                   /* of answers that wait for their turn */
    struct buf *out;                      /* borrowed */
    void (*free_owed)(struct owed *owed); /* for what has left the queue */
    /* Tells the client that the oldest of its requests that has none yet has this id. NULL: answers
     * never overtake. */
    void (*announce)(struct buf *out, uint32_t id);
    uint32_t last_id;
};

void owed_init(struct owed_queue *queue, struct buf *out, void (*free_owed)(struct owed *owed));
void owed_deinit(struct owed_queue *queue); /* frees what is still in it, unanswered or not */

void owed_add(struct owed_queue *queue, struct owed *owed);

/* Gives owed an id, and before it each that is older. For queues that announce. */
void owed_announce(struct owed_queue *queue, struct owed *owed);

/* Where to write the answer of owed, under its id where it has one by then; owed_end() must follow.
 */
struct buf *owed_begin(struct owed_queue *queue, struct owed *owed);
/* The answer is written: it leaves, with all behind it that have waited. Frees owed. */
void owed_end(struct owed_queue *queue, struct owed *owed);

#endif
