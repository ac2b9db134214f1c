/* router.h - the tables of one configuration, by name. */
#ifndef PODOP_ROUTER_H
#define PODOP_ROUTER_H

#include "podop/config.h"
#include "podop/table.h"

struct router;

/* Opens every table of config. NULL when any cannot be: each fault goes to report, as those of
 * config_load() do. */
struct router *router_new(const struct config *config, const struct table_env *env,
                          config_report_fn *report, void *arg);
/* What its tables hold back is written now. */
void router_flush(struct router *router);
void router_free(struct router **router); /* tables live on while lookups use them */

struct table *router_find_table(const struct router *router, struct span name); /* or NULL */

#endif
