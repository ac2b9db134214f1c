#include "privileges.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

/* Returns the number, or -1 when text is not a user or group number. */
static long number_of(const char *text)
{
    char *end;
    long n;

    if (text[0] < '0' || text[0] > '9')
        return -1;
    errno = 0;
    n = strtol(text, &end, 10);
    return errno != 0 || *end != '\0' || n >= UINT_MAX ? -1 : n;
}

int privileges_find_user(const char *text, uid_t *uid, gid_t *gid, struct error *err)
{
    long number = number_of(text);
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

int privileges_find_group(const char *text, gid_t *gid, struct error *err)
{
    long number = number_of(text);
    const struct group *entry = number == -1 ? getgrnam(text) : NULL;

    if (number == -1 && entry == NULL)
        return error_set(err, ERR_CONFIG, "there is no group '%s'", text);
    *gid = entry != NULL ? entry->gr_gid : (gid_t)number;
    return 0;
}

static int bind_errno(struct error *err, const char *what, const char *who)
{
    error_errno(err, "%s '%s'", what, who);
    err->kind = ERR_BIND;
    return -1;
}

static int set_groups(const char *user, gid_t gid, struct error *err)
{
    const char *name = user;

    if (user != NULL && number_of(user) != -1) {
        const struct passwd *entry = getpwuid((uid_t)number_of(user));

        name = entry == NULL ? NULL : entry->pw_name;
    }
    if (name == NULL ? setgroups(0, NULL) == -1 : initgroups(name, gid) == -1)
        return bind_errno(err, "cannot set the groups of user", user == NULL ? "" : user);
    return 0;
}

int privileges_drop(const char *user, const char *group, struct error *err)
{
    uid_t uid = geteuid();
    gid_t gid = getegid();

    if (user == NULL && group == NULL)
        return 0;
    if (user != NULL && privileges_find_user(user, &uid, &gid, err) == -1)
        return -1;
    if (group != NULL && privileges_find_group(group, &gid, err) == -1)
        return -1;
    if (geteuid() != 0 && uid == geteuid() && gid == getegid())
        return 0;
    if (geteuid() != 0)
        return error_set(err, ERR_BIND, "only root can change to %s '%s': start podop as root%s",
                         user == NULL ? "group" : "user", user == NULL ? group : user,
                         user == NULL ? "" : ", or as that user");
    if (set_groups(user, gid, err) == -1)
        return -1;
    if (setresgid(gid, gid, gid) == -1)
        return bind_errno(err, "cannot change to group", group == NULL ? user : group);
    if (user != NULL && setresuid(uid, uid, uid) == -1)
        return bind_errno(err, "cannot change to user", user);
    if (uid != 0 && (setresuid(0, 0, 0) == 0 || geteuid() != uid || getegid() != gid))
        return error_set(err, ERR_BIND, "privileges were dropped, but can be regained");
    return 0;
}
