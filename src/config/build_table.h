/* build_table.h - checks the tables and their defaults against the schema of their types, and
 * converts them to structs. Private to src/config. */
#ifndef PODOP_CONFIG_BUILD_TABLE_H
#define PODOP_CONFIG_BUILD_TABLE_H

#include "config_type.h"

/* Converts one table from node. Settings that node does not have come from defaults, which may be
 * NULL. index is the position in the list. */
void build_table(const struct config_types *types, const struct node *node,
                 const struct node *defaults, size_t index, struct table_config *table,
                 struct faults *faults);
/* Reports the faults of the defaults themselves. */
void check_defaults(const struct config_types *types, const struct node *defaults,
                    struct faults *faults);
/* Lets the type check the param of a table without faults. node is the table as written. */
void check_param(const struct table_config *table, const struct node *node, struct faults *faults);
void table_config_clear(struct table_config *table); /* frees everything in it */

#endif
