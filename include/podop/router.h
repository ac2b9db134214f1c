/* router.h - a configuration and the tables made of it, by name. It never changes: a reload makes
 * another one. */
#ifndef PODOP_ROUTER_H
#define PODOP_ROUTER_H

#include "podop/config.h"
#include "podop/table.h"

struct router;

/* Opens every table of config, of which it keeps a reference. NULL when any cannot be: each fault
 * goes to report, as those of config_load() do. */
struct router *router_new(struct config *config, const struct table_env *env,
                          config_report_fn *report, void *arg);
/* router takes the place of previous, which is NULL at the start. A table whose configuration did
 * not change keeps what it remembers. Pending writes are made through the tables of router. */
void router_succeed(struct router *router, const struct router *previous);
void router_free(struct router **router); /* tables live on while lookups use them */

struct table *router_table(const struct router *router, size_t i); /* by name; NULL: that was all */
struct table *router_find_table(const struct router *router, struct span name); /* or NULL */

#endif
