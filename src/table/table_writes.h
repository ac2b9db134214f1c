/* table_writes.h - accepts, finds and schedules the pending writes of one table name. Private to
 * src/table. */
#ifndef PODOP_TABLE_TABLE_WRITES_H
#define PODOP_TABLE_TABLE_WRITES_H

#include "identity.h"
#include "memory.h"
#include "pending_writes.h"

#include "podop/list.h"

enum {
    UNDER_WAY_MAX = 16, /* writes of one name */
    STOP_UNDER_WAY_MAX = 64,
};

struct table_writes;
typedef void table_writes_run_fn(struct table_writes *w);

/* What the pending writes of all table names share. */
struct writes_owner {
    struct ev_loop *loop;
    struct log *log;
    size_t busy; /* number of names with pending writes */
    bool is_stopping, is_closed;
    unsigned turn; /* ev_iteration() that budget belongs to */
    size_t budget; /* changes that may still begin or end in this turn of the loop */
};

/* The pending writes of one table name. The tables of the name have references to it, and it has
 * a reference to the table that it writes through, until that is retired and nothing is pending. */
struct table_writes {
    unsigned refs;              /* of tables, commit_turns and running functions */
    struct writes_owner *owner; /* NULL: it was freed */
    struct list_node in_slot;   /* of write_behind.c */
    char *name;
    struct memory_group memories; /* of all tables of the name */
    struct table *table;          /* a reference: writes go through it; NULL: there are none */
    bool is_retired;              /* no table has the name any more, and no writes are accepted */
    bool is_busy;                 /* counted by the owner */
    struct pending_writes queue;
    unsigned under_way; /* pending writes that are being made */
    unsigned window;    /* limit of under_way, lowered when the backend has no room */
    unsigned made;      /* writes since the window changed */
    uint32_t pause_ms;  /* between tries while no request reaches the backend; else 0 */
    uint64_t paused_until_ms;
    struct list ready, failed; /* of commit_turns, to be begun or ended within the budget */
    uint64_t attempts, lost;
    uint64_t lost_unlogged;
    struct rate_limit lost_logged;
    char last_reason[TABLE_REASON_BYTES];
    ev_timer timer; /* for what is due next */
    table_writes_run_fn *run;
};

/* Returns an object in no slot, with one reference, which is the caller's. run is called when
 * something is due. */
struct table_writes *table_writes_new(struct writes_owner *owner, const char *name,
                                      table_writes_run_fn *run);
void table_writes_unref(struct table_writes **w); /* *w becomes NULL; NULL is fine */
/* Parts w from its owner, which is being freed: nothing is accepted or made any more. */
void table_writes_disown(struct table_writes *w);

/* Makes copies of all changes pending. Returns false, with none of them pending, when one is an
 * increment or too large, when they expire, when there is no room, or when a transaction is queued
 * for one of the keys. */
bool table_writes_take(struct table_writes *w, const struct transaction *transaction);
/* Returns the last change of key that may not be written yet, or NULL. Borrowed until the next
 * call. identity is that of key in table. */
const struct change *table_writes_find(struct table_writes *w, struct table *table,
                                       const struct table_key *key,
                                       const struct identity *identity);

/* Returns the largest window. It is larger during a stop, when lookups need no connections. */
unsigned table_writes_window_max(const struct table_writes *w);
/* Makes pending writes due now; with after_failures also those that wait for another try. */
void table_writes_hurry(struct table_writes *w, bool after_failures);
/* Logs how many writes were lost since the last line, if any. */
void table_writes_log_lost(struct table_writes *w);
/* Sets the timer for what is due next. May free w, unless the caller has a reference. */
void table_writes_schedule(struct table_writes *w);

#endif
