/* program_table.h - tables that a program of the administrator answers: program_lookup.c looks keys
 * up, program_commit.c writes, program_iterate.c iterates, and program_table.c opens the table. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_TABLE_H
#define PODOP_TABLE_PROGRAM_PROGRAM_TABLE_H

#include "program_reason.h"
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

struct program_fetch {
    struct fetch base;
    struct program_request request;
};

struct program_commit {
    struct commit base;
    struct program_request request;
};

struct program_iteration {
    struct table_iteration base;
    struct program_request request;
    bool is_started;
    bool has_more;    /* the process has another part */
    bool has_parts;   /* a second part was asked for */
    bool is_enough;   /* no more rows are wanted */
    struct buf rest;  /* an array of rows that are not handed out yet; empty: none */
    struct buf texts; /* name and value of one row */
};

void program_table_start(struct fetch *fetch);
void program_table_cancel(struct fetch *fetch);
const char *program_table_change_fault(struct table *table, const struct change *change);
void program_table_commit(struct commit *commit);
void program_table_abort_commit(struct commit *commit);
void program_table_go_on(struct table_iteration *it);
void program_table_stop(struct table_iteration *it);

extern const struct table_ops table_program;

#endif
