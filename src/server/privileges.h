/* privileges.h - who podop is, and who owns what it makes. */
#ifndef PODOP_SERVER_PRIVILEGES_H
#define PODOP_SERVER_PRIVILEGES_H

#include "podop/error.h"

#include <sys/types.h>

/* Takes a name or a number. -1 with ERR_CONFIG if that user or group does not exist. */
int privileges_find_user(const char *text, uid_t *uid, gid_t *gid, struct error *err);
int privileges_find_group(const char *text, gid_t *gid, struct error *err);

/* Becomes user and group for good, with the supplementary groups of user only, and checks that
 * there is no way back. NULL: as it is. Without root it does nothing when podop is that user
 * already. */
int privileges_drop(const char *user, const char *group, struct error *err);

#endif
