/* warnings.h - warns about settings that are allowed but probably wrong, and collects the files and
 * directories that podop uses after it has changed its user. Private to src/config. */
#ifndef PODOP_CONFIG_WARNINGS_H
#define PODOP_CONFIG_WARNINGS_H

#include "config_type.h"

/* Warns about a duration that is longer than clients wait, or that may be in milliseconds. */
void warn_duration(const struct setting *setting, const struct node *value, const char *where,
                   struct faults *faults);

/* Warns about params that the types of tables doubt, and about users and groups that do not exist.
 */
void warn_beyond(const struct node *root, const struct config_types *types,
                 const struct config_checks *checks, struct faults *faults);

/* Fills config->paths. */
void paths_collect(struct config *config, const struct config_types *types,
                   const struct node *root);
void paths_add_files(struct config *config, const struct string_list *files);
void paths_free(struct config *config);

/* Warns about sockets that other hosts reach, and tables that no socket serves. */
void warn_sockets(const struct node *root, struct faults *faults);

#endif
