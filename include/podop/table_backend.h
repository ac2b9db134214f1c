/* table_backend.h - the backends of a table, and how they are doing at present. */
#ifndef PODOP_TABLE_BACKEND_H
#define PODOP_TABLE_BACKEND_H

#include "podop/span.h"
#include "podop/table_handle.h"

#include <stdbool.h>
#include <stdint.h>

struct http_backend;

/* Borrowed until the loop runs again. */
struct table_backend {
    const struct http_backend *backend; /* NULL: it is not an HTTP service */
    struct span name;                   /* of the HTTP backend, or as in the log */
    bool is_for_writes;                 /* writes alone go there */
    bool is_suspended;                  /* with all of its addresses */
    bool is_used;                       /* it was asked, since the start or another configuration */
    bool is_failing;                    /* it failed, and no request has succeeded since */
    uint64_t since_ms;                  /* how long it has been failing or suspended */
};

/* Fills *to for the i-th backend of the table: a URL, the program, or the DNS servers. Returns
 * false when i is too large, as for each i of a table of files. */
bool table_backend(struct table *table, size_t i, struct table_backend *to);
/* Returns whether lookups have URLs, and all of these are suspended. */
bool table_is_suspended(struct table *table);

#endif
