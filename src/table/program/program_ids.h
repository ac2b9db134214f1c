/* program_ids.h - the ids of the requests that one process of a program table knows, and what podop
 * does with an answer to each. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_IDS_H
#define PODOP_TABLE_PROGRAM_PROGRAM_IDS_H

#include "program_request.h"

#include "podop/list.h"

enum program_id_state {
    ID_AWAITED,   /* an answer is due */
    ID_IDLE,      /* a part of the answer has come, and the next one is not asked for yet */
    ID_OVERDUE,   /* the request has failed, but the answer may still come */
    ID_ABANDONED, /* the request was cancelled; an answer may come or not */
};

struct program_id {
    struct program_ids *owner;
    struct program_request *request; /* AWAITED, IDLE; otherwise NULL */
    struct program_id *next_in_slot;
    struct list_node node; /* in open, overdue or abandoned */
    uint64_t number;       /* the "id" of its lines */
    uint64_t begins_at;    /* offset of its line in all bytes queued for the process */
    enum program_id_state state;
};

enum { PROGRAM_ID_SLOTS = 256 }; /* each is a chain of ids */

struct program_ids {
    struct ev_loop *loop;
    struct program_id *slots[PROGRAM_ID_SLOTS];
    struct list open;               /* AWAITED and IDLE, the newest first */
    struct list overdue, abandoned; /* the oldest first */
    unsigned awaited_count, overdue_count, abandoned_count;
    uint64_t last_number, ignore_up_to; /* answers to ids up to ignore_up_to are ignored */
};

void program_ids_init(struct program_ids *ids, struct ev_loop *loop);
/* Frees the ids that are overdue or abandoned: the process has ended. */
void program_ids_forget(struct program_ids *ids);
/* Counts from 1 again, for the next process. No id may be left. */
void program_ids_restart(struct program_ids *ids);

/* Makes the next id, which is IDLE at first. */
struct program_id *program_id_new(struct program_ids *ids, struct program_request *request);
/* Returns NULL if no id has that number. */
struct program_id *program_id_find(const struct program_ids *ids, uint64_t number);
/* Makes it AWAITED, until the request's deadline. */
void program_id_await(struct program_id *id);
/* Makes an AWAITED one IDLE, and stops its deadline. */
void program_id_rest(struct program_id *id);
/* Detaches it from its request and makes it OVERDUE or ABANDONED. */
void program_id_leave(struct program_id *id, enum program_id_state state);
void program_id_free(struct program_id *id);

#endif
