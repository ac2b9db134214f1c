/* build.h - checks the tree against the schema and lays it out as struct config. Private to
 * src/config. */
#ifndef PODOP_CONFIG_BUILD_H
#define PODOP_CONFIG_BUILD_H

#include "config_type.h"

/* Never returns NULL. When faults were reported, the config may only be freed. */
struct config *config_build(const struct node *root, const struct config_types *types,
                            const struct config_checks *checks, struct faults *faults);

#endif
