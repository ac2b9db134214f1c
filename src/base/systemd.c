#include "podop/systemd.h"

#include <stddef.h>

#ifdef PODOP_WITH_SYSTEMD

#include <systemd/sd-daemon.h>

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool systemd_is_built_in(void)
{
    return true;
}

/* sd_notify() is not used: it blocks while the queue of the service manager is full (measured with
 * systemd 252), and needs NOTIFY_SOCKET in the environment at each call. */
int systemd_take_notify_socket(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = path == NULL ? 0 : strlen(path);
    int fd = -1;

    if (len > 1 && len < sizeof(at.sun_path) && (path[0] == '/' || path[0] == '@'))
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd != -1) {
        memcpy(at.sun_path, path, len);
        if (path[0] == '@') /* an abstract socket address */
            at.sun_path[0] = '\0';
        len += offsetof(struct sockaddr_un, sun_path);
        if (connect(fd, (const struct sockaddr *)&at, (socklen_t)len) == -1) {
            close(fd);
            fd = -1;
        }
    }
    unsetenv("NOTIFY_SOCKET");
    return fd;
}

uint64_t systemd_take_watchdog_us(void)
{
    uint64_t interval_us;

    return sd_watchdog_enabled(1, &interval_us) > 0 ? interval_us : 0;
}

int systemd_take_descriptors(int *first, char ***names)
{
    int count = sd_listen_fds_with_names(1, names);

    *first = SD_LISTEN_FDS_START;
    if (count > 0)
        return count;
    *names = NULL;
    return 0;
}

#else

bool systemd_is_built_in(void)
{
    return false;
}

int systemd_take_notify_socket(void)
{
    return -1;
}

uint64_t systemd_take_watchdog_us(void)
{
    return 0;
}

int systemd_take_descriptors(int *first, char ***names)
{
    *first = 0;
    *names = NULL;
    return 0;
}

#endif
