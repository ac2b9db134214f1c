/* interpose_files.c - libc's functions of files: inotify, times, and the mode of a socket's file.
 */
#include "call.h"
#include "clock.h"
#include "descriptor.h"
#include "faults.h"
#include "files.h"
#include "inotify.h"
#include "kernel_state.h"
#include "real.h"
#include "socket.h"

#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum { PROCESS_ID = 4321 };

int inotify_init1(int flags)
{
    if (!kernel_has_begun())
        return REAL(inotify_init1)(flags);
    clock_spend();
    return (int)call_result(inotify_open(flags));
}

int inotify_add_watch(int fd, const char *path, uint32_t mask)
{
    if (!descriptor_is_modelled(fd))
        return REAL(inotify_add_watch)(fd, path, mask);
    clock_spend();
    return (int)call_result(inotify_watch(fd, path, mask));
}

int inotify_rm_watch(int fd, int watch)
{
    if (!descriptor_is_modelled(fd))
        return REAL(inotify_rm_watch)(fd, watch);
    clock_spend();
    return (int)call_result(inotify_unwatch(fd, watch));
}

int stat(const char *restrict path, struct stat *restrict info)
{
    char other[PATH_MAX];
    const int result = REAL(stat)(files_path(path, other, sizeof(other)), info);

    if (result == 0 && kernel_has_begun())
        files_set_times(info);
    return result;
}

int fstat(int fd, struct stat *info)
{
    const int result = REAL(fstat)(fd, info);

    if (result == 0 && kernel_has_begun())
        files_set_times(info);
    return result;
}

int fchmod(int fd, mode_t mode)
{
    struct socket *s = socket_of(fd);

    if (!descriptor_is_modelled(fd))
        return REAL(fchmod)(fd, mode);
    if (s == NULL)
        return (int)call_result(-EBADF);
    s->mode = mode;
    return 0;
}

/* It ends in the search domain of names that podop resolves. */
int gethostname(char *name, size_t size)
{
    if (!kernel_has_begun())
        return REAL(gethostname)(name, size);
    snprintf(name, size, "mail.example");
    return 0;
}

pid_t getpid(void)
{
    return kernel_has_begun() ? PROCESS_ID : REAL(getpid)();
}

static bool open_fails(void)
{
    static const int errors[] = {EMFILE, ENFILE};
    const int error = kernel_has_begun() ? fault_error(FAULT_NO_DESCRIPTOR, errors, 2) : 0;

    if (error != 0)
        errno = error;
    return error != 0;
}

int open(const char *path, int flags, ...)
{
    char other[PATH_MAX];
    va_list args;
    mode_t mode = 0;

    if ((flags & O_CREAT) != 0) {
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
    }
    if (kernel_has_begun() && strcmp(path, "/proc/self/statm") == 0) {
        errno = ENOENT; /* memory in use depends on more than the seed */
        return -1;
    }
    return open_fails() ? -1 : REAL(open)(files_path(path, other, sizeof(other)), flags, mode);
}

/* c-ares 1.18 reads random numbers from the device, and calls rand() when it cannot. */
FILE *fopen(const char *restrict path, const char *restrict mode)
{
    char other[PATH_MAX];

    if (kernel_has_begun() && strcmp(path, "/dev/urandom") == 0) {
        errno = ENOENT;
        return NULL;
    }
    if (*mode == 'r' && open_fails())
        return NULL;
    return REAL(fopen)(files_path(path, other, sizeof(other)), mode);
}
