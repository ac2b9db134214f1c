/* privileges.h - who podop is, and who owns what it makes. */
#ifndef PODOP_SERVER_PRIVILEGES_H
#define PODOP_SERVER_PRIVILEGES_H

#include "podop/error.h"

#include <stdbool.h>
#include <sys/types.h>

/* A name or a number; -1 with ERR_CONFIG when there is no such user or group. */
int privileges_find_user(const char *text, uid_t *uid, gid_t *gid, struct error *err);
int privileges_find_group(const char *text, gid_t *gid, struct error *err);

/* Becomes user and group for good, with the supplementary groups of user only, and checks that
 * there is no way back. NULL: as it is. Without root it does nothing when podop is that user
 * already. */
int privileges_drop(const char *user, const char *group, struct error *err);

/* Whether this process may give a file of its own to this owner and group (NULL: it stays as it
 * is); else false with the reason. A name that there is not is no reason here. */
bool privileges_can_give(const char *owner, const char *group, struct error *err);

/* What podop may do beyond its user (a unit's AmbientCapabilities), the programs that it starts may
 * not. */
void privileges_keep_from_programs(void);

#endif
