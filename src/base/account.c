#include "podop/account.h"

#include "podop/mem.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

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

/* Returns whether a search without a result has failed, by its errno. Systems have several for an
 * entry that does not exist; see getpwnam(3). */
static bool has_failed(int code)
{
    static const int absent[] = {0, ENOENT, ESRCH, EBADF, EPERM};

    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        if (code == absent[i])
            return false;
    }
    return true;
}

static int search_failed(const char *kind, const char *text, int code, struct error *err)
{
    return error_set(err, ERR_SYSTEM, "cannot look up the %s '%s': %s", kind, text, strerror(code));
}

int account_find_user(const char *text, uid_t *uid, gid_t *gid, struct error *err)
{
    const long number = account_number(text);
    const struct passwd *entry;

    errno = 0;
    entry = number == -1 ? getpwnam(text) : getpwuid((uid_t)number);
    if (entry == NULL && has_failed(errno))
        return search_failed("user", text, errno, err);
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
    const long number = account_number(text);
    const struct group *entry;

    errno = 0;
    entry = number == -1 ? getgrnam(text) : NULL;
    if (entry == NULL && has_failed(errno))
        return search_failed("group", text, errno, err);
    if (number == -1 && entry == NULL)
        return error_set(err, ERR_CONFIG, "there is no group '%s'", text);
    *gid = entry != NULL ? entry->gr_gid : (gid_t)number;
    return 0;
}
