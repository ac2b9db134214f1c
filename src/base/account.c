#include "podop/account.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>

long account_number(const char *text)
{
    char *end;
    long n;

    if (text[0] < '0' || text[0] > '9')
        return -1;
    errno = 0;
    n = strtol(text, &end, 10);
    return errno != 0 || *end != '\0' || n >= UINT_MAX ? -1 : n;
}

int account_find_user(const char *text, uid_t *uid, gid_t *gid, struct error *err)
{
    long number = account_number(text);
    const struct passwd *entry = number == -1 ? getpwnam(text) : getpwuid((uid_t)number);

    if (entry != NULL) {
        *uid = entry->pw_uid;
        *gid = entry->pw_gid;
        return 0;
    }
    if (number == -1)
        return error_set(err, ERR_CONFIG, "there is no user '%s'", text);
    *uid = (uid_t)number; /* a number needs no name */
    *gid = (gid_t)number;
    return 0;
}

int account_find_group(const char *text, gid_t *gid, struct error *err)
{
    long number = account_number(text);
    const struct group *entry = number == -1 ? getgrnam(text) : NULL;

    if (number == -1 && entry == NULL)
        return error_set(err, ERR_CONFIG, "there is no group '%s'", text);
    *gid = entry != NULL ? entry->gr_gid : (gid_t)number;
    return 0;
}
