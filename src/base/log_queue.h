/* log_queue.h - a bounded queue of whole log lines that are not yet written. Plain memory: no lock,
 * no thread, no I/O. */
#ifndef PODOP_BASE_LOG_QUEUE_H
#define PODOP_BASE_LOG_QUEUE_H

#include "podop/buf.h"

/* Enough for the counters of 5,000 tables, which are logged all at once. */
enum { LOG_QUEUE_BYTES_MAX = 2 * 1024 * 1024 };

struct log_queue {
    struct buf lines;
    uint64_t lost; /* number of lines dropped after the last of lines */
};

void log_queue_init(struct log_queue *queue);
void log_queue_deinit(struct log_queue *queue);

/* Appends a line with its line feed. After a line that did not fit, all further lines are dropped
 * and counted until log_queue_take(), so that the lost lines are in one place. */
void log_queue_add(struct log_queue *queue, struct span line);

static inline bool log_queue_is_empty(const struct log_queue *queue)
{
    return queue->lines.len == 0 && queue->lost == 0;
}

/* Moves all lines to an empty buf whose maximum is at least LOG_QUEUE_BYTES_MAX, and returns how
 * many lines were dropped after them. */
uint64_t log_queue_take(struct log_queue *queue, struct buf *lines);

#endif
