#include "podop/file_fault.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* access(2) looks at permissions only. */
const char *file_denial(int code, const char *path, int mode)
{
    if (code != EACCES || access(path, mode) == -1)
        return "";
    return " by the sandbox or a security module, not by the permissions: a restart lets podop use "
           "new directories";
}

int file_fault(struct error *err, const char *path)
{
    const int code = errno;

    return error_set(err, ERR_SYSTEM, "%.255s: %s%s", path, strerror(code),
                     file_denial(code, path, R_OK));
}
