/* account.h - finds users and groups by name or number. The user database may be a service of the
 * network, so a search may block. */
#ifndef PODOP_ACCOUNT_H
#define PODOP_ACCOUNT_H

#include "podop/error.h"

#include <sys/types.h>

/* Find a user or group by text, a name or a number. Return 0, or -1 with ERR_CONFIG when there is
 * no user or group of that name, or with ERR_SYSTEM when the search failed: a later one may find
 * it. A number need not be in the user database; then the group of the user has the same number. */
int account_find_user(const char *text, uid_t *uid, gid_t *gid, struct error *err);
int account_find_group(const char *text, gid_t *gid, struct error *err);

/* Returns the number, or -1 when text is not the number of a user or group. */
long account_number(const char *text);

#endif
