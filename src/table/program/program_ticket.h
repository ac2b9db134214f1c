/* program_ticket.h - the ids that a process of a program table knows, and whose they are. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_TICKET_H
#define PODOP_TABLE_PROGRAM_PROGRAM_TICKET_H

#include "program_set.h"

enum ticket_state {
    TICKET_AWAITED,
    TICKET_IDLE,     /* a part has come, the next one is not asked for yet */
    TICKET_OVERDUE,  /* too late, but an answer may come */
    TICKET_FORGIVEN, /* nobody waits any longer; an answer may come or not */
};

struct program_ticket {
    struct program_tickets *owner;
    struct program_request *request; /* AWAITED, IDLE */
    struct program_ticket *next_in_slot;
    struct program_ticket *next, **prev_next; /* of the same kind: open, overdue or forgiven */
    uint64_t id;
    uint64_t begins_at; /* its line, in all that was queued for the process */
    enum ticket_state state;
};

enum { TICKET_SLOTS = 256 }; /* a chain each */

struct program_tickets {
    struct ev_loop *loop;
    struct program_ticket *slots[TICKET_SLOTS];
    struct program_ticket *open;                               /* AWAITED and IDLE */
    struct program_ticket *overdue, *forgiven, **forgiven_end; /* the oldest forgiven is first */
    unsigned awaited_count, overdue_count, forgiven_count;
    uint64_t last_id, let_pass_id; /* answers to ids up to let_pass_id are not looked at */
};

void tickets_init(struct program_tickets *tickets, struct ev_loop *loop);
/* Nothing is left of what the process knew but what is open. */
void tickets_forget(struct program_tickets *tickets);
/* All have gone, and the next process counts from 1 again. */
void tickets_restart(struct program_tickets *tickets);

/* The next id, IDLE at first. */
struct program_ticket *ticket_new(struct program_tickets *tickets, struct program_request *request);
struct program_ticket *ticket_find(const struct program_tickets *tickets, uint64_t id);
void ticket_await(struct program_ticket *ticket); /* until the request's deadline */
/* Its answer is not waited for any more, whatever becomes of it. */
void ticket_rest(struct program_ticket *ticket);
/* It has no request any more, but is still known, as OVERDUE or FORGIVEN. */
void ticket_leave(struct program_ticket *ticket, enum ticket_state state);
void ticket_free(struct program_ticket *ticket);

#endif
