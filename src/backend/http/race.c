#include "race.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union socket_address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
};

static socklen_t fill_unix(union socket_address *to, const char *path)
{
    const size_t len = strlen(path);

    *to = (union socket_address){.un = {.sun_family = AF_UNIX}};
    if (len >= sizeof(to->un.sun_path))
        return 0;
    memcpy(to->un.sun_path, path, len);
    return sizeof(to->un);
}

static socklen_t fill(union socket_address *to, const struct endpoint *at)
{
    if (at->is_ipv6) {
        *to = (union socket_address){.in6 = {.sin6_family = AF_INET6,
                                             .sin6_port = htons(at->port),
                                             .sin6_scope_id = endpoint_scope_id(at)}};
        memcpy(&to->in6.sin6_addr, at->bytes, sizeof(to->in6.sin6_addr));
        return sizeof(to->in6);
    }
    *to = (union socket_address){.in = {.sin_family = AF_INET, .sin_port = htons(at->port)}};
    memcpy(&to->in.sin_addr, at->bytes, sizeof(to->in.sin_addr));
    return sizeof(to->in);
}

bool race_is_self_connected(int fd)
{
    union socket_address here = {0}, there = {0};
    socklen_t here_len = sizeof(here), there_len = sizeof(there);

    if (getsockname(fd, &here.sa, &here_len) == -1 || getpeername(fd, &there.sa, &there_len) == -1)
        return false;
    return here.sa.sa_family != AF_UNIX && here_len == there_len &&
           memcmp(&here, &there, here_len) == 0;
}

/* Attempts */

static int fail(struct race_attempt *r, int error)
{
    r->error = error;
    if (r->io.fd != -1)
        close(r->io.fd);
    ev_io_set(&r->io, -1, EV_WRITE);
    return -1;
}

/* Sets TCP_USER_TIMEOUT, which ends a connection whose peer acknowledges nothing for that time
 * (RFC 5482). */
static void set_options(const struct race_attempt *r, int fd)
{
    const unsigned user_timeout_ms = r->race->user_timeout_ms;
    const int on = 1;

    if (r->unix_path != NULL)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof(user_timeout_ms));
}

/* Returns 0 when it is connected at once, else -1: it has failed, or is in progress. */
static int connect_attempt(struct race_attempt *r)
{
    union socket_address to;
    const socklen_t len = r->unix_path != NULL ? fill_unix(&to, r->unix_path) : fill(&to, &r->at);
    const int fd = socket(to.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    r->has_no_socket = false;
    if (len == 0)
        errno = ENAMETOOLONG;
    if (fd == -1 || len == 0) {
        r->has_no_socket = fd == -1 && errno != EAFNOSUPPORT;
        ev_io_set(&r->io, fd, EV_WRITE);
        return fail(r, errno);
    }
    ev_io_set(&r->io, fd, EV_WRITE);
    set_options(r, fd);
    if (connect(fd, &to.sa, len) == 0)
        return race_is_self_connected(fd) ? fail(r, ECONNREFUSED) : 0;
    if (errno != EINPROGRESS && errno != EINTR)
        return fail(r, errno);
    r->race->live++;
    ev_io_start(r->race->loop, &r->io);
    return -1;
}

static void win(struct race_attempt *r)
{
    ev_timer_stop(r->race->loop, &r->race->delay);
    ev_timer_stop(r->race->loop, &r->race->again);
    r->race->winner = r;
}

static bool has_next(const struct race *race)
{
    return race->winner == NULL && race->started < race->count;
}

static void start_next(struct race *race)
{
    struct race_attempt *r = &race->attempts[race->started++];

    if (connect_attempt(r) == 0)
        win(r);
}

static bool is_refusal(int error)
{
    return error == ECONNREFUSED || error == ECONNRESET || error == ENOENT || error == EAGAIN;
}

static bool was_refused(const struct race_attempt *r)
{
    return !r->has_no_socket && is_refusal(r->error);
}

bool race_was_refused(const struct race *race)
{
    for (size_t i = 0; i < race->started; i++) {
        if (was_refused(&race->attempts[i]))
            return true;
    }
    return false;
}

/* Schedules another try of the addresses that refused, while the others do not answer. */
static void watch_refused(struct race *race)
{
    if (race->winner == NULL && race->live > 0 && race_was_refused(race) &&
        !ev_is_active(&race->again))
        ev_timer_again(race->loop, &race->again);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct race *race = w->data;

    (void)revents;
    ev_timer_stop(loop, w);
    for (size_t i = 0; i < race->started && race->winner == NULL; i++) {
        struct race_attempt *r = &race->attempts[i];

        if (was_refused(r) && !ev_is_active(&r->io) && connect_attempt(r) == 0)
            win(r);
    }
    watch_refused(race);
    race->on_event(race);
}

/* Starts attempts until one is in progress or connected, and the delay for the next one. */
static void start_until_one_is_in_progress(struct race *race)
{
    const size_t live_before = race->live;

    ev_timer_stop(race->loop, &race->delay);
    while (has_next(race) && race->live == live_before)
        start_next(race);
    watch_refused(race);
    if (!has_next(race))
        return;
    race->delay.repeat = race->delay_ms / 1000.0;
    ev_timer_again(race->loop, &race->delay);
}

static void on_delay(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct race *race = w->data;

    (void)loop;
    (void)revents;
    for (size_t i = 0; i < race->started; i++)
        race->attempts[i].is_slow |= ev_is_active(&race->attempts[i].io);
    start_until_one_is_in_progress(race);
    race->on_event(race);
}

static void on_connect(struct ev_loop *loop, ev_io *w, int revents)
{
    struct race_attempt *r = w->data;
    struct race *race = r->race;
    int error = 0;
    socklen_t len = sizeof(error);

    (void)revents;
    ev_io_stop(loop, w);
    race->live--;
    if (getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
        error = errno;
    if (error == 0 && race_is_self_connected(w->fd))
        error = ECONNREFUSED;
    if (error == 0) {
        win(r);
    } else {
        fail(r, error);
        start_until_one_is_in_progress(race);
    }
    race->on_event(race);
}

/* The race */

void race_init(struct race *race, struct ev_loop *loop, uint32_t user_timeout_ms,
               race_event_fn *on_event)
{
    *race = (struct race){.loop = loop,
                          .on_event = on_event,
                          .user_timeout_ms = user_timeout_ms,
                          .delay_ms = RACE_DELAY_MS};
    ev_init(&race->delay, on_delay);
    race->delay.data = race;
    ev_init(&race->again, on_again);
    race->again.repeat = RACE_AGAIN_MS / 1000.0;
    race->again.data = race;
}

static struct race_attempt *add_attempt(struct race *race)
{
    struct race_attempt *r;

    if (race->count == RACE_ADDRESSES_MAX)
        return NULL;
    r = &race->attempts[race->count++];
    r->race = race;
    ev_io_init(&r->io, on_connect, -1, EV_WRITE);
    r->io.data = r;
    return r;
}

void race_add(struct race *race, const struct endpoint *at)
{
    struct race_attempt *r;

    for (size_t i = 0; i < race->count; i++) {
        if (endpoint_is_same_address(&race->attempts[i].at, at))
            return;
    }
    r = add_attempt(race);
    if (r != NULL)
        r->at = *at;
}

void race_add_unix(struct race *race, const char *path)
{
    struct race_attempt *r = add_attempt(race);

    if (r != NULL)
        r->unix_path = path;
}

uint32_t race_delay_ms(size_t count, uint64_t left_ms)
{
    const uint64_t share_ms = left_ms / (count + 1);

    if (share_ms >= RACE_DELAY_MS)
        return RACE_DELAY_MS;
    return share_ms < RACE_DELAY_MIN_MS ? RACE_DELAY_MIN_MS : (uint32_t)share_ms;
}

void race_run(struct race *race, uint64_t left_ms)
{
    race->delay_ms = race_delay_ms(race->count - race->started, left_ms);
    if (race->live == 0)
        start_until_one_is_in_progress(race);
    else if (has_next(race) && !ev_is_active(&race->delay)) {
        race->delay.repeat = race->delay_ms / 1000.0;
        ev_timer_again(race->loop, &race->delay);
    }
}

int race_take(struct race *race)
{
    const int fd = race->winner->io.fd;

    ev_io_set(&race->winner->io, -1, EV_WRITE);
    return fd;
}

void race_stop(struct race *race)
{
    ev_timer_stop(race->loop, &race->delay);
    ev_timer_stop(race->loop, &race->again);
    for (size_t i = 0; i < race->started; i++) {
        struct race_attempt *r = &race->attempts[i];

        ev_io_stop(race->loop, &r->io);
        if (r->io.fd != -1)
            close(r->io.fd);
        ev_io_set(&r->io, -1, EV_WRITE);
    }
}

/* Results */

void race_print(const struct race *race, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < race->started; i++) {
        const struct race_attempt *r = &race->attempts[i];
        char at[ENDPOINT_TEXT_BYTES];
        const char *where = r->unix_path != NULL ? r->unix_path : endpoint_print(&r->at, at);
        const int len =
            snprintf(text + used, size - used, "%s %s: %s", i == 0 ? "connect to" : ", to", where,
                     strerror(r->error == 0 ? ETIMEDOUT : r->error));

        if (len < 0 || (size_t)len >= size - used) {
            text[i == 0 ? size - 1 : used] = '\0';
            return;
        }
        used += (size_t)len;
    }
}

bool race_had_no_socket(const struct race *race)
{
    bool had_none = false;

    for (size_t i = 0; i < race->started; i++) {
        if (!race->attempts[i].has_no_socket)
            return false;
        had_none = true;
    }
    return had_none;
}
