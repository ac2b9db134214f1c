/* config.h - reads the configuration file and the command line, checks them and lays them out as
 * the structs of settings.h. */
#ifndef PODOP_CONFIG_H
#define PODOP_CONFIG_H

#include "podop/settings.h"

/* Reads and checks everything. Every fault goes to report; a syntax error ends the reading, as
 * nothing after it can be trusted. NULL when there was a fault. */
struct config *config_load(const struct config_source *source, config_report_fn *report, void *arg);
struct config *config_ref(struct config *config);
void config_unref(struct config **config); /* *config becomes NULL; a NULL *config is fine */

/* Whether both have the same settings, wherever they are written. */
bool table_config_equal(const struct table_config *a, const struct table_config *b);

#endif
