#include "privileges.h"

#include "podop/account.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

static int bind_errno(struct error *err, const char *what, const char *who)
{
    error_errno(err, "%s '%s'", what, who);
    err->kind = ERR_BIND;
    return -1;
}

static int set_groups(const char *user, gid_t gid, struct error *err)
{
    const char *name = user;

    if (user != NULL && account_number(user) != -1) {
        const struct passwd *entry = getpwuid((uid_t)account_number(user));

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
    if (user != NULL && account_find_user(user, &uid, &gid, err) == -1)
        return -1;
    if (group != NULL && account_find_group(group, &gid, err) == -1)
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
