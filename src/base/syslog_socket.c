#include "podop/syslog_socket.h"

#include "podop/buf.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum { HEAD_BYTES_MAX = 80 };

bool syslog_socket_open(struct syslog_socket *s)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};

    if (s->is_open)
        return true;
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", s->path == NULL ? _PATH_LOG : s->path);
    s->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->fd == -1)
        return false;
    if (connect(s->fd, (const struct sockaddr *)&at, sizeof(at)) == -1) {
        close(s->fd);
        return false;
    }
    s->is_open = true;
    return true;
}

void syslog_socket_close(struct syslog_socket *s)
{
    if (s->is_open)
        close(s->fd);
    s->is_open = false;
}

/* Adds "<22>Nov 22 16:40:10 podop[4711]: " in the form of RFC 3164 and glibc, in local time. */
static void add_head(struct buf *out, int severity)
{
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm local;
    char text[HEAD_BYTES_MAX];

    localtime_r(&now, &local);
    snprintf(text, sizeof(text), "<%d>%s %2d %02d:%02d:%02d podop[%ld]: ", LOG_MAIL | severity,
             months[local.tm_mon], local.tm_mday, local.tm_hour, local.tm_min, local.tm_sec,
             (long)getpid());
    buf_add(out, span_of(text));
}

static bool is_queue_full(int error)
{
    return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

/* A message is never too long: Linux accepts at least SOCK_MIN_SNDBUF (4608) bytes in a datagram
 * (net/unix/af_unix.c, unix_dgram_sendmsg()). */
enum syslog_outcome syslog_socket_send(struct syslog_socket *s, int severity, struct span text)
{
    enum syslog_outcome outcome = SYSLOG_ABSENT;
    struct buf message;

    if (text.len > SYSLOG_BYTES_MAX)
        text.len = SYSLOG_BYTES_MAX;
    buf_init(&message, HEAD_BYTES_MAX + SYSLOG_BYTES_MAX);
    add_head(&message, severity);
    buf_add(&message, text);
    for (int attempt = 0; attempt < 2 && outcome == SYSLOG_ABSENT && syslog_socket_open(s);
         attempt++) {
        if (send(s->fd, message.ptr, message.len, MSG_NOSIGNAL) != -1)
            outcome = SYSLOG_TAKEN;
        else if (is_queue_full(errno))
            outcome = SYSLOG_LOST;
        else
            syslog_socket_close(s); /* the logger was stopped or restarted: connect again */
    }
    buf_deinit(&message);
    return outcome;
}
