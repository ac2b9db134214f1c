/* privileges.h - finds users and groups, and changes podop from root to the configured user. */
#ifndef PODOP_SERVER_PRIVILEGES_H
#define PODOP_SERVER_PRIVILEGES_H

#include "podop/error.h"

#include <sys/types.h>

/* text is a name or a number. Returns -1 with ERR_CONFIG when there is no user or group of that
 * name. A number needs no entry; the group of a user without an entry has the user's number. */
int privileges_find_user(const char *text, uid_t *uid, gid_t *gid, struct error *err);
int privileges_find_group(const char *text, gid_t *gid, struct error *err);

/* Changes the process to user and group for ever, with the supplementary groups of user only, and
 * checks that root cannot be regained. NULL leaves the user or group as it is. Does nothing when
 * podop is not root and runs as that user already. Returns -1 with ERR_CONFIG or ERR_BIND. */
int privileges_drop(const char *user, const char *group, struct error *err);

#endif
