#include "unreachable.h"

#include "podop/span.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { HINT_BYTES_MAX = 300, NAME_BYTES_MAX = 40 };

static const char *path_of(const char *where)
{
    if (span_starts_with(span_of(where), SPAN("unix:")))
        where += strlen("unix:");
    return where[0] == '/' ? where : NULL;
}

/* Prints the name of a user or group, or its number if name is NULL. */
static void print_account(const char *name, unsigned long number, char out[NAME_BYTES_MAX])
{
    if (name != NULL)
        snprintf(out, NAME_BYTES_MAX, "%s", name);
    else
        snprintf(out, NAME_BYTES_MAX, "%lu", number);
}

static void hint_denied(const char *path, const char *setting, char out[HINT_BYTES_MAX])
{
    char user[NAME_BYTES_MAX], group[NAME_BYTES_MAX];
    const struct passwd *owner;
    const struct group *owning;
    struct stat info;

    if (stat(path, &info) == -1) {
        snprintf(out, HINT_BYTES_MAX, " (you may not enter a directory of this path)");
        return;
    }
    owner = getpwuid(info.st_uid);
    owning = getgrgid(info.st_gid);
    print_account(owner == NULL ? NULL : owner->pw_name, info.st_uid, user);
    print_account(owning == NULL ? NULL : owning->gr_name, info.st_gid, group);
    snprintf(out, HINT_BYTES_MAX,
             " (the socket is for user %s and group %s, with mode %04o: become one of them, or set "
             "owner, group and permissions in '%s' of podop.conf)",
             user, group, (unsigned)info.st_mode & 07777, setting);
}

static void hint_refused(const char *path, char out[HINT_BYTES_MAX])
{
    struct stat info;

    if (path != NULL && stat(path, &info) == 0 && !S_ISSOCK(info.st_mode))
        snprintf(out, HINT_BYTES_MAX, " (this file is not a socket)");
    else
        snprintf(out, HINT_BYTES_MAX, " (nothing listens there: is podop running?)");
}

int unreachable(struct error *err, const char *where, const char *setting, int code)
{
    const char *path = path_of(where);
    char hint[HINT_BYTES_MAX] = "";

    if (code == ECONNREFUSED)
        hint_refused(path, hint);
    else if ((code == EACCES || code == EPERM) && path != NULL)
        hint_denied(path, setting, hint);
    else if (code == ENOENT || code == ENOTDIR)
        snprintf(hint, sizeof(hint),
                 " (is podop running? '%s' in podop.conf sets its socket, and --%s names it here)",
                 setting, strcmp(setting, "listen") == 0 ? "socket" : "control");
    errno = code;
    return error_set(err, ERR_SYSTEM, "cannot connect to podop on %s: %s%s", where, strerror(code),
                     hint);
}
