/* iterate.h - one iteration of a table. A type hands out rows in its go_on() and ends the iteration
 * with iteration_finish(). Private to src/table. */
#ifndef PODOP_TABLE_ITERATE_H
#define PODOP_TABLE_ITERATE_H

#include "table_type.h"

#include "podop/deadline.h"
#include "podop/iterate.h"

/* A type's struct begins with this one (its size is iteration_bytes). */
struct table_iteration {
    struct table *table; /* a reference */
    struct list_node in_table;
    struct table_key path; /* copied */
    char *path_bytes;
    struct iterate_options options;
    struct iterate_events events;
    void *arg;
    uint64_t rows;
    bool has_nul; /* a value has a NUL byte: the iteration fails */
    bool is_paused;
    struct deferred ready;  /* calls go_on() */
    ev_timer next_turn;     /* calls go_on() after the loop has served others */
    struct deadline unread; /* runs while it is paused: it must resume by then */
};

/* What types call */

/* Hands out one row, unless the options or the rules for names leave it out. Returns false when
 * no more rows are wanted; the type must finish then. */
bool iteration_row(struct table_iteration *it, struct span name, struct span value);
void iteration_finish(struct table_iteration *it, const struct reply *reply); /* frees it */
void iteration_wake(struct table_iteration *it); /* lets the loop call go_on() soon */
/* Lets the loop call go_on() after it has served others, unless the iteration is paused before. */
void iteration_yield(struct table_iteration *it);

/* What the rest of src/table calls */

void iterations_init(struct table *table);
/* Shortens the time that the paused iterations of a retired table have left. */
void iterations_retire(struct table *table);

#endif
