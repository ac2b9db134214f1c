#include "owed.h"

void owed_init(struct owed_queue *queue, struct buf *out, void (*free_owed)(struct owed *owed))
{
    *queue = (struct owed_queue){.out = out, .free_owed = free_owed};
    queue->last = &queue->first;
}

static void free_first(struct owed_queue *queue)
{
    struct owed *owed = queue->first;

    queue->first = owed->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count--;
    queue->early_bytes -= owed->early.len;
    buf_deinit(&owed->early);
    queue->free_owed(owed);
}

void owed_deinit(struct owed_queue *queue)
{
    while (queue->first != NULL)
        free_first(queue);
}

void owed_add(struct owed_queue *queue, struct owed *owed)
{
    owed->next = NULL;
    owed->is_answered = false;
    buf_init(&owed->early, SIZE_MAX);
    *queue->last = owed;
    queue->last = &owed->next;
    queue->count++;
}

struct buf *owed_begin(struct owed_queue *queue, struct owed *owed)
{
    return owed == queue->first ? queue->out : &owed->early;
}

void owed_end(struct owed_queue *queue, struct owed *owed)
{
    owed->is_answered = true;
    queue->early_bytes += owed->early.len;
    while (queue->first != NULL && queue->first->is_answered) {
        buf_add(queue->out, buf_span(&queue->first->early));
        free_first(queue);
    }
}
