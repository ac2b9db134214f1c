/* iterate.h - listing the keys of a table below a path. */
#ifndef PODOP_ITERATE_H
#define PODOP_ITERATE_H

#include "podop/reply.h"
#include "podop/table_handle.h"

struct table_iteration;

struct iterate_options {
    bool recurse;      /* also names with a '/' in them */
    bool no_values;    /* the rows' values are empty */
    uint64_t max_rows; /* 0: no limit */
    /* of the first part of the backend's answer; 0: the table's timeout after the beginning */
    uint64_t deadline_at_ms;
};

struct iterate_events {
    /* name is the key without the path, and is not empty. May pause, must not cancel. */
    void (*row)(void *arg, struct span name, struct span value);
    /* FOUND at the end of the list, else a failure */
    void (*done)(void *arg, const struct reply *reply);
};

/* Lists what is below path, which is copied. Rows come from the loop, never before this returns,
 * and done is called once after them. */
struct table_iteration *table_iterate(struct table *table, const struct table_key *path,
                                      const struct iterate_options *options,
                                      const struct iterate_events *events, void *arg);

/* Pauses the rows; a few that are under way may still come. An iteration that stays paused for
 * the table's timeout fails. */
void table_iteration_pause(struct table_iteration *it);
/* Restarts the timeout of a paused iteration, because its client has read some of its rows. Does
 * nothing when the table is retired. */
void table_iteration_touch(struct table_iteration *it);
void table_iteration_resume(struct table_iteration *it);
void table_iteration_cancel(struct table_iteration **it); /* *it becomes NULL; NULL is fine */

#endif
