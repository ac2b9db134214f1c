#include "bind_fault.h"

#include "podop/file_fault.h"
#include "podop/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HINT_BYTES_MAX = 300 };

/* Returns the directory of a unix socket. The caller frees it. */
static char *directory_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return xmemdup0(path, slash == NULL || slash == path ? 1 : (size_t)(slash - path));
}

static void hint_path(const char *path, int code, char out[HINT_BYTES_MAX])
{
    char *directory = directory_of(path);
    struct stat info;

    if (code == ENOENT && stat(directory, &info) == -1)
        snprintf(out, HINT_BYTES_MAX, " (the directory %.200s does not exist)", directory);
    else if (code == ENOTDIR)
        snprintf(out, HINT_BYTES_MAX, " (%.200s is not a directory)", directory);
    else if (code == EACCES && access(directory, W_OK | X_OK) == 0)
        snprintf(out, HINT_BYTES_MAX, "%s", file_denial(code, directory, W_OK | X_OK));
    else if (code == EACCES || code == EPERM || code == EROFS)
        snprintf(out, HINT_BYTES_MAX, " (user %u cannot make files in %.200s)", (unsigned)geteuid(),
                 directory);
    free(directory);
}

static void hint_inet(int code, char out[HINT_BYTES_MAX])
{
    if (code == EADDRINUSE)
        snprintf(out, HINT_BYTES_MAX,
                 " (another process listens there, perhaps another podop: see \"ss -ltnp\")");
    else if (code == EADDRNOTAVAIL)
        snprintf(out, HINT_BYTES_MAX, " (this host does not have the address)");
    else if (code == EACCES)
        snprintf(out, HINT_BYTES_MAX, " (ports below 1024 need root, or CAP_NET_BIND_SERVICE)");
}

int bind_errno(struct error *err, const char *what, const struct socket_address *at)
{
    const int code = errno;
    char hint[HINT_BYTES_MAX] = "";

    if (at->u.sa.sa_family == AF_UNIX)
        hint_path(at->text, code, hint);
    else
        hint_inet(code, hint);
    return error_set(err, code == EADDRNOTAVAIL || code == EAFNOSUPPORT ? ERR_NO_ADDRESS : ERR_BIND,
                     "%s %s: %s%s", what, at->text, strerror(code), hint);
}
