/* url_iterate.h - iterations below a path of an HTTP service. The answer is read as it arrives,
 * but no faster than the client reads the rows. The value of a name is looked up only if the
 * client wants values. */
#ifndef PODOP_TABLE_URL_URL_ITERATE_H
#define PODOP_TABLE_URL_URL_ITERATE_H

#include "table/iterate.h"
#include "url_attempt.h"

#include "podop/json_items.h"

enum {
    ITERATION_LOOKUPS_MAX = 16, /* values of one iteration that are looked up at the same time */
    ITERATION_ROW_BYTES = 4096, /* a longer value is not kept while rows are not read */
};

/* A name whose value is looked up. */
struct url_row {
    struct url_iteration *it;
    struct table_op *op; /* NULL: free, or put off */
    char *key;           /* the path and the name; NULL: free */
    struct span name;    /* in key */
};

struct url_iteration {
    struct table_iteration base;
    struct url_attempt attempt;
    struct json_items items;
    struct url_row rows[ITERATION_LOOKUPS_MAX];
    unsigned waiting;   /* rows that wait for their value */
    unsigned put_off;   /* of these, without a lookup until rows are read again */
    unsigned ahead_max; /* how many may wait for their value at the same time */
    bool is_started;
    bool is_read;   /* the call has ended: what is left of its body is in rest */
    bool is_list;   /* the answer was a 200 that was not null */
    bool is_enough; /* no more rows are wanted */
    struct buf rest;
    char *failure; /* NULL: none so far */
    enum reply_status failure_status;
};

/* Slots of struct table_ops; the iteration is a struct url_iteration. */
void url_iterate_go_on(struct table_iteration *it);
void url_iterate_stop(struct table_iteration *it);

#endif
