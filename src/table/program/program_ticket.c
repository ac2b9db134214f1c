#include "program_ticket.h"

#include "podop/mem.h"

#include <stdlib.h>

enum { FORGIVEN_MAX = 1000 }; /* that are remembered; older ones are let pass */

void tickets_init(struct program_tickets *all, struct ev_loop *loop)
{
    *all = (struct program_tickets){.loop = loop};
    all->forgiven_end = &all->forgiven;
}

static void link_ticket(struct program_ticket **link, struct program_ticket *t)
{
    t->next = *link;
    t->prev_next = link;
    if (t->next != NULL)
        t->next->prev_next = &t->next;
    *link = t;
}

static void unlink_ticket(struct program_ticket *t)
{
    struct program_tickets *all = t->owner;

    *t->prev_next = t->next;
    if (t->next != NULL)
        t->next->prev_next = t->prev_next;
    else if (all->forgiven_end == &t->next)
        all->forgiven_end = t->prev_next;
}

struct program_ticket *ticket_new(struct program_tickets *all, struct program_request *r)
{
    struct program_ticket *t = xcalloc(1, sizeof(*t));
    struct program_ticket **slot;

    t->owner = all;
    t->request = r;
    t->id = ++all->last_id;
    slot = &all->slots[t->id % TICKET_SLOTS];
    t->next_in_slot = *slot;
    *slot = t;
    t->state = TICKET_IDLE;
    link_ticket(&all->open, t);
    return t;
}

struct program_ticket *ticket_find(const struct program_tickets *all, uint64_t id)
{
    struct program_ticket *t = all->slots[id % TICKET_SLOTS];

    while (t != NULL && t->id != id)
        t = t->next_in_slot;
    return t;
}

void ticket_rest(struct program_ticket *t)
{
    if (t->state != TICKET_AWAITED)
        return;
    t->state = TICKET_IDLE;
    t->owner->awaited_count--;
    deadline_stop(&t->request->deadline);
}

void ticket_free(struct program_ticket *t)
{
    struct program_tickets *all = t->owner;
    struct program_ticket **link = &all->slots[t->id % TICKET_SLOTS];

    if (t->request != NULL) {
        ticket_rest(t);
        t->request->ticket = NULL;
    }
    all->overdue_count -= t->state == TICKET_OVERDUE;
    all->forgiven_count -= t->state == TICKET_FORGIVEN;
    unlink_ticket(t);
    while (*link != t)
        link = &(*link)->next_in_slot;
    *link = t->next_in_slot;
    free(t);
}

/* It and those behind it in its list. */
static void free_all(struct program_ticket *t)
{
    while (t != NULL) {
        struct program_ticket *next = t->next;

        ticket_free(t);
        t = next;
    }
}

void ticket_leave(struct program_ticket *t, enum ticket_state state)
{
    struct program_tickets *all = t->owner;

    ticket_rest(t);
    t->request->ticket = NULL;
    t->request = NULL;
    unlink_ticket(t);
    t->state = state;
    if (state == TICKET_OVERDUE) {
        link_ticket(&all->overdue, t);
        all->overdue_count++;
        return;
    }
    link_ticket(all->forgiven_end, t);
    all->forgiven_end = &t->next;
    if (++all->forgiven_count > FORGIVEN_MAX) {
        if (all->forgiven->id > all->let_pass_id)
            all->let_pass_id = all->forgiven->id;
        ticket_free(all->forgiven);
    }
}

void ticket_await(struct program_ticket *t)
{
    struct program_tickets *all = t->owner;
    struct program_request *r = t->request;

    t->state = TICKET_AWAITED;
    all->awaited_count++;
    deadline_start(&r->deadline, all->loop, r->deadline_at_ms);
}

void tickets_forget(struct program_tickets *all)
{
    free_all(all->overdue);
    free_all(all->forgiven);
}

void tickets_restart(struct program_tickets *all)
{
    all->last_id = all->let_pass_id = 0;
}
