#include "channel.h"

#include "unreachable.h"

#include "podop/clock.h"
#include "podop/socket_address.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    ADDRESSES_MAX = 16,
    READ_BYTES = 64 * 1024,
};

/* Connects with a blocking socket: only then does the kernel wait while the backlog of a unix
 * socket is full. */
static int connect_one(const struct socket_address *at, uint32_t timeout_ms)
{
    const struct timeval wait = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000L};
    int fd = socket(at->u.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
    if (connect(fd, &at->u.sa, at->len) == 0 && fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
        return fd;
    if (errno == EAGAIN || errno == EINPROGRESS)
        errno = ETIMEDOUT;
    close(fd);
    return -1;
}

int channel_open(struct channel *c, const char *where, const char *setting, uint32_t timeout_ms,
                 struct error *err)
{
    struct socket_address at[ADDRESSES_MAX];
    int count = socket_address_resolve(where, at, ADDRESSES_MAX, err);

    *c = (struct channel){.fd = -1, .where = where, .timeout_ms = timeout_ms};
    buf_init(&c->out, BUF_LIMITED_BY_INPUT);
    buf_init(&c->in, (size_t)CHANNEL_REPLY_BYTES_MAX + 2 * (size_t)READ_BYTES);
    for (int i = 0; i < count && c->fd == -1; i++)
        c->fd = connect_one(&at[i], timeout_ms);
    if (count != -1 && c->fd == -1)
        unreachable(err, where, setting, errno);
    return c->fd == -1 ? -1 : 0;
}

void channel_close(struct channel *c)
{
    if (c->fd != -1)
        close(c->fd);
    c->fd = -1;
    buf_deinit(&c->out);
    buf_deinit(&c->in);
}

static bool is_hangup(int code)
{
    return code == EPIPE || code == ECONNRESET;
}

static bool is_transient(int code)
{
    return code == EAGAIN || code == EINTR;
}

static int send_some(struct channel *c, struct error *err)
{
    ssize_t n = send(c->fd, c->out.ptr, c->out.len, MSG_NOSIGNAL);

    if (n >= 0) {
        buf_drop(&c->out, (size_t)n);
        c->waits_since_ms = clock_now_ms();
        return 0;
    }
    if (is_transient(errno))
        return 0;
    if (!is_hangup(errno))
        return error_errno(err, "cannot send to podop on %s", c->where);
    c->is_send_closed = true;
    return 0;
}

static int read_some(struct channel *c, struct error *err)
{
    char *to = buf_reserve(&c->in, READ_BYTES);
    ssize_t n;

    if (to == NULL)
        return error_set(err, ERR_LIMIT, "the answer of podop is longer than %d bytes",
                         CHANNEL_REPLY_BYTES_MAX);
    n = recv(c->fd, to, READ_BYTES, 0);
    if (n > 0) {
        c->in.len += (size_t)n;
        c->waits_since_ms = clock_now_ms();
    } else if (n == 0 || is_hangup(errno)) {
        c->has_ended = true;
    } else if (!is_transient(errno)) {
        return error_errno(err, "cannot read the answer of podop on %s", c->where);
    }
    return 0;
}

/* Returns the timeout for poll(): -1 while no answer is due, else what is left of timeout_ms. */
static int time_left(struct channel *c, bool is_answer_due)
{
    uint64_t now_ms = clock_now_ms();
    uint64_t waited_ms;

    if (!is_answer_due) {
        c->waits_since_ms = 0;
        return -1;
    }
    if (c->waits_since_ms == 0)
        c->waits_since_ms = now_ms;
    waited_ms = now_ms - c->waits_since_ms;
    return waited_ms < c->timeout_ms ? (int)(c->timeout_ms - waited_ms) : 0;
}

int channel_wait(struct channel *c, bool is_answer_due, int other, bool *is_other_ready,
                 struct error *err)
{
    struct pollfd fds[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = other, .events = POLLIN}};
    int ready;

    *is_other_ready = false;
    if (c->has_ended)
        return error_set(
            err, ERR_INPUT,
            "podop on %s closed the connection without an answer; its log may say why, such "
            "as client_not_allowed",
            c->where);
    if (c->is_send_closed)
        buf_clear(&c->out);
    if (c->out.len > 0)
        fds[0].events |= POLLOUT;
    ready = poll(fds, 2, time_left(c, is_answer_due));
    if (ready == -1 && errno != EINTR)
        return error_errno(err, "poll");
    if (ready == 0)
        return error_set(err, ERR_SYSTEM, "podop on %s did not answer within %u s", c->where,
                         c->timeout_ms / 1000);
    if (ready == -1)
        return 0;
    *is_other_ready = fds[1].revents != 0;
    if ((fds[0].revents & POLLOUT) != 0 && send_some(c, err) == -1)
        return -1;
    if ((fds[0].revents & ~POLLOUT) != 0)
        return read_some(c, err);
    return 0;
}
