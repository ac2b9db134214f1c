/* build_table.h - the tables and their defaults, checked against the schema of their types and laid
 * out as structs. Private to src/config. */
#ifndef PODOP_CONFIG_BUILD_TABLE_H
#define PODOP_CONFIG_BUILD_TABLE_H

#include "config_type.h"

/* Lays out one table as node writes it; defaults, which may be NULL, stand for what it leaves out.
 * index is its place in the list. */
void build_table(const struct config_types *types, const struct node *node,
                 const struct node *defaults, size_t index, struct table_config *table,
                 struct faults *faults);
/* Reports what is wrong with the defaults themselves. */
void check_defaults(const struct config_types *types, const struct node *defaults,
                    struct faults *faults);
/* Asks its type about the param of a table without faults. node is the table as written. */
void check_param(const struct table_config *table, const struct node *node, struct faults *faults);
void table_config_clear(struct table_config *table); /* frees everything in it */

#endif
