/* build_allow.h - converts the setting 'allow' of a socket to rules. Private to src/config. */
#ifndef PODOP_CONFIG_BUILD_ALLOW_H
#define PODOP_CONFIG_BUILD_ALLOW_H

#include "tree.h"

/* Fills listener->allowed from the member 'allow' of group, with a fault for each text that is
 * neither a user, a group nor a network that the socket can have, and a warning for each user or
 * group that does not exist. where is " in socket '/path'" or " in 'control'". */
void build_allow(const struct node *group, const char *where, struct listen_config *listener,
                 struct faults *faults);

#endif
