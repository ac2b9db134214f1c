/* table_backend.h - the backends of a table, and which of them are suspended at present. */
#ifndef PODOP_TABLE_BACKEND_H
#define PODOP_TABLE_BACKEND_H

#include "podop/http.h"
#include "podop/table_handle.h"

struct table_backend {
    const struct http_backend *backend; /* borrowed until the loop runs again */
    bool is_for_writes;                 /* writes alone go there */
    bool is_suspended;                  /* with all of its addresses */
};

/* Fills *to for the i-th URL of the table. Returns false when i is too large, as for each i of a
 * table without URLs. */
bool table_backend(struct table *table, size_t i, struct table_backend *to);
/* Returns whether lookups have URLs, and all of these are suspended. */
bool table_is_suspended(struct table *table);

#endif
