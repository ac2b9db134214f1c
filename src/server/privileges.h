/* privileges.h - changes podop from root to the configured user. */
#ifndef PODOP_SERVER_PRIVILEGES_H
#define PODOP_SERVER_PRIVILEGES_H

#include "podop/error.h"

/* Changes the process to user and group, with the supplementary groups of user only, and checks
 * that root cannot be regained. NULL leaves the user or group as it is. Does nothing when podop is
 * not root and runs as that user already. Returns 0, or -1 with ERR_CONFIG or ERR_BIND. */
int privileges_drop(const char *user, const char *group, struct error *err);

#endif
