/* memory.c - answers socketmap and dict lookups at once, from memory: one read, one write, nothing
 * in between. On libev podop cannot be faster than this. */
#include "podop/buf.h"
#include "podop/mem.h"
#include "podop/netstring.h"
#include "podop/socket_address.h"
#include "podop/tabline.h"

#include <ev.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { REQUEST_BYTES_MAX = 64 * 1024, SCRATCH_BYTES = 64 * 1024 };

struct memory {
    struct ev_loop *loop;
    ev_io accept;
    struct buf found; /* "OK " and the prefix of every value */
    struct buf out;   /* answers of the current wake-up */
    char *scratch;
};

struct client {
    struct memory *memory;
    ev_io io;
    struct buf in;  /* an incomplete request */
    struct buf out; /* answers that the kernel did not take */
};

static void client_free(struct client *c)
{
    ev_io_stop(c->memory->loop, &c->io);
    close(c->io.fd);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    free(c);
}

static void watch(struct client *c, int events)
{
    ev_io_stop(c->memory->loop, &c->io);
    ev_io_set(&c->io, c->io.fd, events);
    ev_io_start(c->memory->loop, &c->io);
}

static enum parse answer_socketmap(struct memory *m, struct span in, size_t *used)
{
    struct span payload;
    enum parse found = netstring_parse(in, REQUEST_BYTES_MAX, &payload, used);
    const char *blank;

    if (found != PARSE_DONE)
        return found;
    blank = payload.len == 0 ? NULL : memchr(payload.ptr, ' ', payload.len);
    if (blank == NULL)
        return PARSE_BAD;
    netstring_add(&m->out, buf_span(&m->found),
                  span_skip(payload, (size_t)(blank + 1 - payload.ptr)));
    return PARSE_DONE;
}

static enum parse answer_dict(struct memory *m, struct span in, size_t *used)
{
    struct span line, name;
    enum parse found = tabline_parse(in, REQUEST_BYTES_MAX, &line, used);
    const char *slash;

    if (found != PARSE_DONE || (line.len > 0 && *line.ptr == 'H'))
        return found;
    if (line.len == 0 || *line.ptr != 'L' || !tabline_next(&line, &name))
        return PARSE_BAD;
    slash = memchr(name.ptr, '/', name.len);
    if (slash == NULL)
        return PARSE_BAD;
    buf_add_char(&m->out, 'O');
    buf_add(&m->out, span_skip(buf_span(&m->found), SPAN("OK ").len));
    buf_add(&m->out, span_skip(name, (size_t)(slash + 1 - name.ptr))); /* escaped as received */
    buf_add_char(&m->out, '\n');
    return PARSE_DONE;
}

/* Answers whole requests and returns their size; -1 if the bytes are not requests. */
static ssize_t answer(struct memory *m, struct span in)
{
    size_t done = 0;

    while (done < in.len) {
        struct span rest = span_skip(in, done);
        bool is_socketmap = *rest.ptr >= '0' && *rest.ptr <= '9';
        size_t used;
        enum parse found =
            is_socketmap ? answer_socketmap(m, rest, &used) : answer_dict(m, rest, &used);

        if (found == PARSE_MORE)
            break;
        if (found == PARSE_BAD)
            return -1;
        done += used;
    }
    return (ssize_t)done;
}

/* Returns false if the peer has closed the connection. */
static bool say(struct client *c, struct span bytes)
{
    ssize_t n = bytes.len == 0 ? 0 : send(c->io.fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

    if (n == -1 && errno != EAGAIN)
        return false;
    bytes = span_skip(bytes, n > 0 ? (size_t)n : 0);
    if (bytes.len > 0) {
        buf_add(&c->out, bytes);
        watch(c, EV_WRITE); /* instead of EV_READ */
    }
    return true;
}

static bool listen_to(struct client *c)
{
    struct memory *m = c->memory;
    ssize_t n = read(c->io.fd, m->scratch, SCRATCH_BYTES);
    struct span in = {m->scratch, n > 0 ? (size_t)n : 0};
    ssize_t used;

    if (n <= 0)
        return n == -1 && errno == EAGAIN;
    if (c->in.len > 0) {
        buf_add(&c->in, in);
        in = buf_span(&c->in);
    }
    buf_clear(&m->out);
    used = answer(m, in);
    if (used == -1)
        return false;
    if (c->in.len > 0)
        buf_drop(&c->in, (size_t)used);
    else if ((size_t)used < in.len)
        buf_add(&c->in, span_skip(in, (size_t)used));
    return say(c, buf_span(&m->out));
}

static bool go_on_saying(struct client *c)
{
    ssize_t n = send(c->io.fd, c->out.ptr, c->out.len, MSG_NOSIGNAL);

    if (n == -1)
        return errno == EAGAIN;
    buf_drop(&c->out, (size_t)n);
    if (c->out.len == 0)
        watch(c, EV_READ);
    return true;
}

static void on_client(struct ev_loop *loop, ev_io *w, int revents)
{
    struct client *c = w->data;

    (void)loop;
    if (!(revents & EV_WRITE ? go_on_saying(c) : listen_to(c)))
        client_free(c);
}

static void on_accept(struct ev_loop *loop, ev_io *w, int revents)
{
    int fd;

    (void)revents;
    while ((fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) != -1) {
        struct client *c = xcalloc(1, sizeof(*c));

        c->memory = w->data;
        buf_init(&c->in, SIZE_MAX);
        buf_init(&c->out, SIZE_MAX);
        ev_io_init(&c->io, on_client, fd, EV_READ);
        c->io.data = c;
        ev_io_start(loop, &c->io);
    }
}

static void on_stop(struct ev_loop *loop, ev_signal *w, int revents)
{
    (void)w;
    (void)revents;
    ev_break(loop, EVBREAK_ALL);
}

static int open_socket(const char *where, struct error *err)
{
    struct socket_address at;
    const int on = 1;
    int fd;

    if (socket_address_resolve(where, &at, 1, err) == -1)
        return -1;
    fd = socket(at.u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd == -1)
        return error_errno(err, "socket for %s", where);
    if (at.u.sa.sa_family != AF_UNIX)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, &at.u.sa, at.len) == -1 || listen(fd, SOMAXCONN) == -1) {
        error_errno(err, "listen on %s", where);
        close(fd);
        return -1;
    }
    return fd;
}

int main(int argc, char **argv)
{
    struct memory m = {.loop = ev_default_loop(0)};
    struct error err = {0};
    ev_signal stop;
    int fd;

    if (argc != 3) {
        fputs("Usage: memory ADDRESS PREFIX\n"
              "Answers each socketmap and dict lookup with PREFIX and the key.\n",
              stderr);
        return 64;
    }
    signal(SIGPIPE, SIG_IGN);
    fd = open_socket(argv[1], &err);
    if (fd == -1) {
        fprintf(stderr, "memory: %s\n", err.text);
        return 71;
    }
    buf_init(&m.found, SIZE_MAX);
    buf_add(&m.found, SPAN("OK "));
    buf_add(&m.found, span_of(argv[2]));
    buf_init(&m.out, SIZE_MAX);
    m.scratch = xmalloc(SCRATCH_BYTES);
    ev_io_init(&m.accept, on_accept, fd, EV_READ);
    m.accept.data = &m;
    ev_io_start(m.loop, &m.accept);
    ev_signal_init(&stop, on_stop, SIGTERM);
    ev_signal_start(m.loop, &stop);
    ev_run(m.loop, 0);
    buf_deinit(&m.found);
    buf_deinit(&m.out);
    free(m.scratch);
    close(fd);
    return 0;
}
