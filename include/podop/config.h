/* config.h - reads and checks the configuration file and the options of the command line, and fills
 * the structs of settings.h. */
#ifndef PODOP_CONFIG_H
#define PODOP_CONFIG_H

#include "podop/settings.h"

/* Reads and checks everything in source. Calls report for every fault; a syntax error is the last
 * one, because nothing after it can be understood. Returns NULL when there was a fault. */
struct config *config_load(const struct config_source *source, config_report_fn *report, void *arg);
struct config *config_ref(struct config *config);
void config_unref(struct config **config); /* *config becomes NULL; a NULL *config is fine */

/* Returns whether both have the same settings. Ignores where they are written. */
bool table_config_equal(const struct table_config *a, const struct table_config *b);

#endif
