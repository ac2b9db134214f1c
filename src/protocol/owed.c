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
    if (owed->early.ptr != NULL) { /* seldom: most answers come in their turn */
        queue->early_bytes -= owed->early.len;
        buf_deinit(&owed->early);
    }
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
    owed->id = 0;
    buf_init(&owed->early, SIZE_MAX);
    *queue->last = owed;
    queue->last = &owed->next;
    queue->count++;
}

void owed_announce(struct owed_queue *queue, struct owed *owed)
{
    /* Those with an id are the oldest, without a gap: the client gives ids to requests in order. */
    for (struct owed *o = queue->first; owed->id == 0; o = o->next) {
        if (o->id != 0)
            continue;
        if (++queue->last_id == 0)
            queue->last_id = 1;
        o->id = queue->last_id;
        queue->announce(queue->out, o->id);
    }
}

struct buf *owed_begin(struct owed_queue *queue, struct owed *owed)
{
    if (owed == queue->first)
        return queue->out;
    if (queue->announce == NULL)
        return &owed->early;
    owed_announce(queue, owed);
    return queue->out;
}

static void overtake(struct owed_queue *queue, struct owed *owed)
{
    struct owed *before = queue->first;

    while (before->next != owed)
        before = before->next;
    before->next = owed->next;
    if (owed->next == NULL)
        queue->last = &before->next;
    queue->count--;
    queue->free_owed(owed);
}

void owed_end(struct owed_queue *queue, struct owed *owed)
{
    if (owed != queue->first && queue->announce != NULL) {
        overtake(queue, owed);
        return;
    }
    owed->is_answered = true;
    queue->early_bytes += owed->early.len;
    while (queue->first != NULL && queue->first->is_answered) {
        if (queue->first->early.len > 0)
            buf_add(queue->out, buf_span(&queue->first->early));
        free_first(queue);
    }
}
