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

/* The same one table at a time: router_begin(), router_open_next() until it returns false, then
 * router_end(), which makes a router with a fault NULL. Before its end a router is not asked. */
struct router *router_begin(struct config *config);
bool router_open_next(struct router *router, const struct table_env *env, config_report_fn *report,
                      void *arg);
void router_end(struct router **router);

/* router takes the place of previous, which is NULL at the start. A table whose configuration did
 * not change keeps what it remembers. Pending writes are made through the tables of router. */
void router_take_over(struct router *router, const struct router *previous);
void router_free(struct router **router); /* tables live on while lookups use them */
/* The same, but its tables are let go of by disposal. */
void router_dispose(struct router **router, struct disposal *disposal);

struct table *router_table(const struct router *router, size_t i); /* by name; NULL: that was all */
struct table *router_find_table(const struct router *router, struct span name); /* or NULL */

#endif
