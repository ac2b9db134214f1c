/* program_table.h - tables that a program of the administrator's answers, in three parts:
 * program_table.c looks keys up, program_commit.c writes, program_iterate.c walks. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_TABLE_H
#define PODOP_TABLE_PROGRAM_PROGRAM_TABLE_H

#include "program_set.h"
#include "table/commit.h"
#include "table/fetch.h"
#include "table/iterate.h"

#include "podop/mem.h"

struct program_table {
    struct table base;
    struct program_set *set;
};

static inline struct program_table *program_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct program_table, base);
}

static inline struct program_set *program_set_of(struct table *table)
{
    return program_table_of(table)->set;
}

struct program_commit {
    struct commit base;
    struct program_request request;
};

struct program_iteration {
    struct table_iteration base;
    struct program_request request;
    bool is_started;
    bool has_more;    /* the process, when rest is read */
    bool has_parts;   /* one has come, and the next one was asked for */
    bool is_enough;   /* no more rows are wanted */
    struct buf rest;  /* rows that came while none were wanted, "" for none */
    struct buf texts; /* for one row */
};

/* Whether a line can hold the key: it is text. */
bool program_can_ask(const struct table_key *key);
/* What a temporary or permanent answer gives as its reason; text keeps it. */
struct span program_reason(const struct table *table, const struct program_answer *answer,
                           char text[TABLE_REASON_BYTES]);

const char *program_table_change_fault(struct table *table, const struct change *change);
void program_table_commit(struct commit *commit);
void program_table_abort_commit(struct commit *commit);
void program_table_go_on(struct table_iteration *it);
void program_table_stop(struct table_iteration *it);

extern const struct table_ops table_program;

#endif
