#include "log_queue.h"

void log_queue_init(struct log_queue *queue)
{
    *queue = (struct log_queue){.lost = 0};
    buf_init(&queue->lines, LOG_QUEUE_BYTES_MAX);
}

void log_queue_deinit(struct log_queue *queue)
{
    buf_deinit(&queue->lines);
}

void log_queue_add(struct log_queue *queue, struct span line)
{
    if (queue->lost > 0 || line.len > LOG_QUEUE_BYTES_MAX - queue->lines.len)
        queue->lost++;
    else
        buf_add(&queue->lines, line);
}

uint64_t log_queue_take(struct log_queue *queue, struct buf *lines)
{
    const struct buf taken = queue->lines;
    const uint64_t lost = queue->lost;

    queue->lines = *lines; /* the two buffers are swapped, so their memory is reused */
    queue->lines.max = LOG_QUEUE_BYTES_MAX;
    queue->lost = 0;
    *lines = taken;
    return lost;
}
