#include "sandbox_files.h"

#include "instrumented.h"

#include "podop/mem.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Directories of the system that the C library, OpenSSL and libcurl read: their settings, modules,
 * certificates and users. Files with secrets there have permissions of their own. */
static const char *const system_directories[] = {
    "/etc",
    "/usr",
    "/lib",
    "/lib64",
    "/nix/store",
    "/gnu/store",
    "/var/lib/ca-certificates",
    "/var/lib/sss/mc",
    "/var/lib/extrausers", /* of nsswitch.conf: extrausers; and db in the next two */
    "/var/lib/misc",
    "/var/db",
    "/run/systemd/userdb",
    "/proc",
    "/sys/devices/system/cpu",
    "/dev/random",
    "/dev/urandom",
};

/* Files of /etc that other programs write, and that may be links to directories of their own. */
static const char *const linked_files[] = {
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
};

/* Returns the directory of a path, in memory that the caller frees. That of "/" is "/". */
static char *parent_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        return xstrdup(".");
    return xmemdup0(path, slash == path ? 1 : (size_t)(slash - path));
}

/* Allows the directory of a file, or the nearest one above it that exists. If that is the root,
 * then only the file, because the root would be everything. */
static void allow_beside(const struct landlock *rules, const char *file)
{
    char *directory = parent_of(file);

    while (access(directory, F_OK) == -1 && strcmp(directory, ".") != 0) {
        char *parent = parent_of(directory);

        free(directory);
        directory = parent;
    }
    landlock_allow(rules, strcmp(directory, "/") == 0 ? file : directory, LANDLOCK_READ);
    free(directory);
}

/* Returns where a symbolic link points, even to nothing, in memory that the caller frees; or NULL
 * if path is not a link. */
static char *target_of(const char *path)
{
    char text[PATH_MAX], *target = NULL;
    const ssize_t len = readlink(path, text, sizeof(text) - 1);
    const char *slash = strrchr(path, '/');

    if (len <= 0)
        return NULL;
    text[len] = '\0';
    if (text[0] == '/')
        target = xstrdup(text);
    else if (slash == NULL ||
             asprintf(&target, "%.*s%s", (int)(slash - path) + 1, path, text) == -1)
        target = NULL;
    return target;
}

/* Returns whether path is below directory, by their names. */
static bool is_below(const char *path, const char *directory)
{
    const size_t len = strlen(directory);

    if (strstr(path, "..") != NULL)
        return false;
    if (strcmp(directory, ".") == 0)
        return path[0] != '/';
    return strncmp(path, directory, len) == 0 && path[len] == '/';
}

/* Allows the directory of a link that leads to a directory below it, such as "current" to
 * "versions/1": it may lead to "versions/2" later. */
static void allow_switch(const struct landlock *rules, const char *link)
{
    char *target = target_of(link), *directory = parent_of(link);

    if (target != NULL && strcmp(directory, "/") != 0 && is_below(target, directory))
        landlock_allow(rules, directory, LANDLOCK_READ);
    free(target);
    free(directory);
}

/* Does so for each directory in the name of a file. */
static void allow_switches(const struct landlock *rules, const char *file)
{
    for (const char *slash = strchr(file, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        char *directory = xmemdup0(file, (size_t)(slash - file));

        allow_switch(rules, directory);
        free(directory);
    }
}

/* Allows the directory of the file and, if it is a link, that of each link on the way and of its
 * target. The kernel follows links in the names of the directories themselves. */
static void allow_file(const struct landlock *rules, const char *file)
{
    enum { LINKS_MAX = 40 }; /* as in the kernel */
    char *at = xstrdup(file);

    for (int i = 0; i < LINKS_MAX && at != NULL; i++) {
        char *next = target_of(at);

        allow_beside(rules, at);
        allow_switches(rules, at);
        free(at);
        at = next;
    }
    free(at);
}

void sandbox_files_allow(const struct landlock *rules, const struct config *config)
{
    for (size_t i = 0; i < ARRAY_LEN(system_directories); i++)
        landlock_allow(rules, system_directories[i], LANDLOCK_READ);
    for (size_t i = 0; i < ARRAY_LEN(linked_files); i++)
        allow_file(rules, linked_files[i]);
    for (size_t i = 0; i < config->path_count; i++) {
        const struct config_path *path = &config->paths[i];

        if (path->need == PATH_READ)
            allow_file(rules, path->path);
        else if (path->need == PATH_MAKE_SOCKETS)
            landlock_allow(rules, path->path, LANDLOCK_SOCKETS);
    }
    landlock_allow(rules, "/dev/null", LANDLOCK_CHANGE);
    if (instrumented_directory() != NULL)
        landlock_allow(rules, instrumented_directory(), LANDLOCK_CHANGE);
}
