/* cross_checks.h - settings of a table that demand or exclude each other. Private to src/config. */
#ifndef PODOP_CONFIG_CROSS_CHECKS_H
#define PODOP_CONFIG_CROSS_CHECKS_H

#include "podop/config.h"

#include "tree.h"

/* node is the table as written, config what became of it and of the defaults; where is
 * " in table 'NAME'". Faults of single settings have been told. */
void cross_check_table(const struct node *node, const struct table_config *config,
                       const char *where, struct faults *faults);
/* What no table can make good, in the defaults as written. */
void cross_check_defaults(const struct node *defaults, const struct table_config *config,
                          struct faults *faults);

#endif
