/* router.h - the tables of a configuration, by name. A router never changes: each reload makes a
 * new one. */
#ifndef PODOP_ROUTER_H
#define PODOP_ROUTER_H

#include "podop/config.h"
#include "podop/table.h"

struct router;

/* Opens every table of config and keeps a reference to config. Returns NULL when a table cannot be
 * opened; report gets each fault, as from config_load(). */
struct router *router_new(struct config *config, const struct table_env *env,
                          config_report_fn *report, void *arg);

/* Do the same in steps: router_begin(), router_open_next() until it returns false, then
 * router_end(), which frees a router with a fault and sets *router to NULL. A router must not be
 * asked for tables before its end. */
struct router *router_begin(struct config *config);
bool router_open_next(struct router *router, const struct table_env *env, config_report_fn *report,
                      void *arg);
void router_end(struct router **router);

/* Lets router take over from previous, which is NULL at the start. A table with the same
 * configuration keeps its cache and its counters. From now on pending writes are made through
 * the tables of router. */
void router_take_over(struct router *router, const struct router *previous);
void router_free(struct router **router); /* tables live on while requests use them */
/* Does the same, but lets disposal release the tables, a few at a time. */
void router_dispose(struct router **router, struct disposal *disposal);

/* Returns the i-th table, in an unspecified order. NULL: i is too large. */
struct table *router_table(const struct router *router, size_t i);
struct table *router_find_table(const struct router *router, struct span name); /* or NULL */

#endif
