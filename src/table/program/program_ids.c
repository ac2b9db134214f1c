#include "program_ids.h"

#include "podop/mem.h"

#include <stdlib.h>

enum { ABANDONED_MAX = 1000 }; /* that are remembered; answers to older ones are ignored */

void program_ids_init(struct program_ids *ids, struct ev_loop *loop)
{
    *ids = (struct program_ids){.loop = loop};
    list_init(&ids->open);
    list_init(&ids->overdue);
    list_init(&ids->abandoned);
}

static struct program_id **slot_of(struct program_ids *ids, uint64_t number)
{
    return &ids->slots[number % PROGRAM_ID_SLOTS];
}

struct program_id *program_id_new(struct program_ids *ids, struct program_request *r)
{
    struct program_id *id = xcalloc(1, sizeof(*id));
    struct program_id **slot = slot_of(ids, ++ids->last_number);

    *id = (struct program_id){
        .owner = ids,
        .request = r,
        .next_in_slot = *slot,
        .number = ids->last_number,
        .state = ID_IDLE,
    };
    *slot = id;
    list_prepend(&ids->open, &id->node);
    return id;
}

struct program_id *program_id_find(const struct program_ids *ids, uint64_t number)
{
    struct program_id *id = ids->slots[number % PROGRAM_ID_SLOTS];

    while (id != NULL && id->number != number)
        id = id->next_in_slot;
    return id;
}

void program_id_rest(struct program_id *id)
{
    if (id->state != ID_AWAITED)
        return;
    id->state = ID_IDLE;
    id->owner->awaited_count--;
    deadline_stop(&id->request->deadline);
}

void program_id_free(struct program_id *id)
{
    struct program_ids *ids = id->owner;
    struct program_id **link = slot_of(ids, id->number);

    if (id->request != NULL) {
        program_id_rest(id);
        id->request->id = NULL;
    }
    ids->overdue_count -= id->state == ID_OVERDUE;
    ids->abandoned_count -= id->state == ID_ABANDONED;
    list_remove(&id->node);
    while (*link != id)
        link = &(*link)->next_in_slot;
    *link = id->next_in_slot;
    free(id);
}

static void free_all(struct list *list)
{
    LIST_FOR_EACH_SAFE (at, list) {
        program_id_free(CONTAINER_OF(at, struct program_id, node));
    }
}

/* Keeps the newest ABANDONED_MAX. */
static void limit_abandoned(struct program_ids *ids)
{
    struct program_id *oldest = CONTAINER_OF(list_first(&ids->abandoned), struct program_id, node);

    if (ids->abandoned_count <= ABANDONED_MAX)
        return;
    if (oldest->number > ids->ignore_up_to)
        ids->ignore_up_to = oldest->number;
    program_id_free(oldest);
}

void program_id_leave(struct program_id *id, enum program_id_state state)
{
    struct program_ids *ids = id->owner;

    program_id_rest(id);
    id->request->id = NULL;
    id->request = NULL;
    id->state = state;
    list_remove(&id->node);
    if (state == ID_OVERDUE) {
        list_append(&ids->overdue, &id->node);
        ids->overdue_count++;
        return;
    }
    list_append(&ids->abandoned, &id->node);
    ids->abandoned_count++;
    limit_abandoned(ids);
}

void program_id_await(struct program_id *id)
{
    struct program_ids *ids = id->owner;
    struct program_request *r = id->request;

    id->state = ID_AWAITED;
    ids->awaited_count++;
    deadline_start(&r->deadline, ids->loop, r->deadline_at_ms);
}

void program_ids_forget(struct program_ids *ids)
{
    free_all(&ids->overdue);
    free_all(&ids->abandoned);
}

void program_ids_restart(struct program_ids *ids)
{
    ids->last_number = ids->ignore_up_to = 0;
}
