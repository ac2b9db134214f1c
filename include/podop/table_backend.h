/* table_backend.h - how the backends of a table are doing, as far as the table knows. */
#ifndef PODOP_TABLE_BACKEND_H
#define PODOP_TABLE_BACKEND_H

#include "podop/span.h"
#include "podop/table_handle.h"

#include <stdbool.h>
#include <stdint.h>

/* Borrowed for the call. */
struct table_backend {
    /* as in the log: "http://host:port" without a path, the path of a program, DNS servers. Several
     * addresses of a URL have the same name. */
    struct span name;
    bool is_for_writes; /* lookups never go there */
    bool is_used; /* a request was sent to it, since the start or the last change of settings */
    bool is_suspended; /* only trials are sent to it */
    bool is_failing;   /* it failed, and no request succeeded since */
    uint64_t since_ms; /* how long it has been suspended, or failing */
};

typedef void table_backend_fn(void *arg, const struct table_backend *backend);
/* Calls each for every backend. A table of files has none. */
void table_each_backend(struct table *table, table_backend_fn *each, void *arg);

/* Returns whether the table has backends for lookups, and all of them are suspended. */
bool table_is_down(struct table *table);

#endif
