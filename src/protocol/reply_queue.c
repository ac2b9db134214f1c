#include "reply_queue.h"

void reply_queue_init(struct reply_queue *queue, struct buf *out,
                      const bool *is_under_memory_pressure,
                      void (*free_slot)(struct reply_slot *slot))
{
    static const bool never = false;

    *queue = (struct reply_queue){.out = out,
                                  .is_under_memory_pressure = is_under_memory_pressure == NULL
                                                                  ? &never
                                                                  : is_under_memory_pressure,
                                  .free_slot = free_slot};
    queue->last = &queue->first;
}

static void free_first(struct reply_queue *queue)
{
    struct reply_slot *slot = queue->first;

    queue->first = slot->next;
    if (queue->first == NULL)
        queue->last = &queue->first;
    queue->count--;
    if (slot->buffered.ptr != NULL) { /* rare: most replies are ready when it is their turn */
        queue->buffered_bytes -= slot->buffered.len;
        buf_deinit(&slot->buffered);
    }
    queue->free_slot(slot);
}

void reply_queue_deinit(struct reply_queue *queue)
{
    while (queue->first != NULL)
        free_first(queue);
}

void reply_queue_add(struct reply_queue *queue, struct reply_slot *slot)
{
    slot->next = NULL;
    slot->is_complete = false;
    slot->id = 0;
    buf_init(&slot->buffered, BUF_LIMITED_BY_INPUT);
    *queue->last = slot;
    queue->last = &slot->next;
    queue->count++;
}

/* Returns whether there is room for one more reply of typical size. */
static bool has_room(const struct reply_queue *queue)
{
    const size_t unread = reply_queue_unread_bytes(queue);

    /* The product cannot overflow: in_flight is at most REPLY_QUEUE_SLOTS_MAX. */
    return unread < REPLY_QUEUE_UNREAD_BYTES_MAX &&
           unread + queue->request_bytes + queue->in_flight * queue->typical_bytes <
               REPLY_QUEUE_BYTES_MAX &&
           (unread == 0 || !*queue->is_under_memory_pressure);
}

bool reply_queue_has_no_room(const struct reply_queue *queue)
{
    return queue->count >= REPLY_QUEUE_SLOTS_MAX || !has_room(queue);
}

/* A large reply raises the estimate at once; smaller ones lower it slowly. */
void reply_queue_arrived(struct reply_queue *queue, size_t bytes)
{
    queue->in_flight--;
    if (bytes >= queue->typical_bytes)
        queue->typical_bytes = bytes;
    else
        queue->typical_bytes -= (queue->typical_bytes - bytes) / 8;
}

/* Returns whether the reply of slot goes straight to the client's output. */
static bool is_due(const struct reply_queue *queue, const struct reply_slot *slot)
{
    return slot == queue->first || queue->announce != NULL;
}

bool reply_queue_admits(const struct reply_queue *queue, const struct reply_slot *slot,
                        size_t bytes)
{
    const size_t unread = reply_queue_unread_bytes(queue);

    if (bytes <= REPLY_QUEUE_SHORT_BYTES)
        return true;
    if (*queue->is_under_memory_pressure)
        return false;
    return (unread < REPLY_QUEUE_BYTES_MAX && bytes <= REPLY_QUEUE_BYTES_MAX - unread) ||
           (is_due(queue, slot) && queue->out->len < REPLY_QUEUE_UNREAD_BYTES_MAX);
}

/* The oldest slot must not wait for room, because the replies that are buffered after it cannot be
 * sent before it. */
bool reply_queue_may_retry(const struct reply_queue *queue, const struct reply_slot *slot)
{
    if (*queue->is_under_memory_pressure)
        return false;
    return slot == queue->first ? queue->out->len < REPLY_QUEUE_UNREAD_BYTES_MAX : has_room(queue);
}

void reply_queue_announce(struct reply_queue *queue, struct reply_slot *slot)
{
    /* The client assigns ids in the order of its requests: the slots with an id are the oldest. */
    for (struct reply_slot *o = queue->first; slot->id == 0; o = o->next) {
        if (o->id != 0)
            continue;
        if (++queue->last_id == 0)
            queue->last_id = 1;
        o->id = queue->last_id;
        queue->announce(queue->out, o->id);
    }
}

struct buf *reply_queue_begin(struct reply_queue *queue, struct reply_slot *slot)
{
    if (slot == queue->first)
        return queue->out;
    if (queue->announce == NULL)
        return &slot->buffered;
    reply_queue_announce(queue, slot);
    return queue->out;
}

static void overtake(struct reply_queue *queue, struct reply_slot *slot)
{
    struct reply_slot *before = queue->first;

    while (before->next != slot)
        before = before->next;
    before->next = slot->next;
    if (slot->next == NULL)
        queue->last = &before->next;
    queue->count--;
    queue->free_slot(slot);
}

void reply_queue_end(struct reply_queue *queue, struct reply_slot *slot)
{
    if (slot != queue->first && queue->announce != NULL) {
        overtake(queue, slot);
        return;
    }
    slot->is_complete = true;
    queue->buffered_bytes += slot->buffered.len;
    while (queue->first != NULL && queue->first->is_complete) {
        if (queue->first->buffered.len > 0)
            buf_add(queue->out, buf_span(&queue->first->buffered));
        free_first(queue);
    }
}
