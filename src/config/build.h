/* build.h - checks the tree against the schema and converts it to a struct config. Private to
 * src/config. */
#ifndef PODOP_CONFIG_BUILD_H
#define PODOP_CONFIG_BUILD_H

#include "config_type.h"

/* Returns the config, never NULL. When faults were reported, the caller may only free it. */
struct config *config_build(const struct node *root, const struct config_types *types,
                            const struct config_checks *checks, struct faults *faults);

#endif
