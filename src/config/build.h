/* build.h - the tree, checked against the schema and laid out as struct config. Private to
 * src/config. */
#ifndef PODOP_CONFIG_BUILD_H
#define PODOP_CONFIG_BUILD_H

#include "config_type.h"

/* Never NULL; not to be used, only freed, when faults were reported. */
struct config *config_build(const struct node *root, const struct config_types *types,
                            const struct config_checks *checks, struct faults *faults);

#endif
