/* privileges.h - finds users and groups, and changes podop from root to the configured user. */
#ifndef PODOP_SERVER_PRIVILEGES_H
#define PODOP_SERVER_PRIVILEGES_H

#include "podop/error.h"

#include <sys/types.h>

/* Find a user or group by text, a name or a number. Return 0, or -1 with ERR_CONFIG when there is
 * no user or group of that name. A number need not be in the user database; then the group of the
 * user has the same number. */
int privileges_find_user(const char *text, uid_t *uid, gid_t *gid, struct error *err);
int privileges_find_group(const char *text, gid_t *gid, struct error *err);

/* Changes the process to user and group, with the supplementary groups of user only, and checks
 * that root cannot be regained. NULL leaves the user or group as it is. Does nothing when podop is
 * not root and runs as that user already. Returns 0, or -1 with ERR_CONFIG or ERR_BIND. */
int privileges_drop(const char *user, const char *group, struct error *err);

#endif
