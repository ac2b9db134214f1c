#include "fake_backend.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static void conn_close(struct backend_conn *c)
{
    ev_io_stop(c->backend->loop, &c->io);
    close(c->io.fd);
    c->io.fd = -1;
    c->is_held = false;
    buf_deinit(&c->in);
    c->backend->open--;
}

/* Sends all bytes; they fit into the buffers of the loopback interface, or the call blocks. */
static void conn_send(struct backend_conn *c, struct span bytes)
{
    while (bytes.len > 0) {
        ssize_t n = send(c->io.fd, bytes.ptr, bytes.len, MSG_NOSIGNAL);

        if (n <= 0)
            return; /* the client has closed */
        bytes = span_skip(bytes, (size_t)n);
    }
}

static void conn_echo(struct backend_conn *c, struct span target)
{
    struct buf out;

    buf_init(&out, SIZE_MAX);
    buf_add(&out, SPAN("HTTP/1.1 200 OK\r\nContent-Length: "));
    buf_add_uint(&out, target.len);
    buf_add(&out, SPAN("\r\n\r\n"));
    buf_add(&out, target);
    conn_send(c, buf_span(&out));
    buf_deinit(&out);
}

static void conn_answer(struct backend_conn *c, struct span target)
{
    struct backend *b = c->backend;

    c->requests++;
    for (size_t i = 0; i < b->script_count; i++) {
        if (span_equal(span_of(b->script[i].target), target)) {
            conn_send(c, b->script[i].bytes);
            if (b->script[i].closes)
                conn_close(c);
            return;
        }
    }
    if (c->is_eager)
        return;
    if (span_starts_with(target, SPAN("/drop")) ||
        (span_equal(target, SPAN("/first-only")) && c->requests > 1)) {
        conn_close(c);
    } else if (span_starts_with(target, SPAN("/hold"))) {
        if (c->is_held || target.len >= sizeof(c->held))
            abort();
        c->is_held = true;
        memcpy(c->held, target.ptr, target.len);
        c->held[target.len] = '\0';
    } else {
        conn_echo(c, target);
    }
}

/* Returns the length of the first request with its body, which begins at *body_at, or 0 while it is
 * not complete. */
static size_t request_len(const struct backend_conn *c, size_t *body_at)
{
    static const char field[] = "\r\nContent-Length: ";
    const char *end = c->in.len == 0 ? NULL : memmem(c->in.ptr, c->in.len, "\r\n\r\n", 4);
    const char *length;
    size_t body_len = 0;

    if (end == NULL)
        return 0;
    *body_at = (size_t)(end - c->in.ptr) + 4;
    length = memmem(c->in.ptr, *body_at, field, sizeof(field) - 1);
    if (length != NULL)
        body_len = strtoul(length + sizeof(field) - 1, NULL, 10);
    return c->in.len - *body_at < body_len ? 0 : *body_at + body_len;
}

static void add_call(struct backend *b, const char *blank, size_t body_at)
{
    buf_add(&b->calls, (struct span){b->last.ptr, (size_t)(blank - b->last.ptr)});
    if (body_at < b->last.len)
        buf_add_char(&b->calls, ' ');
    buf_add(&b->calls, span_skip(buf_span(&b->last), body_at));
    buf_add_char(&b->calls, '\n');
}

/* Refuses an incomplete request for "/early". Returns whether it has closed the connection. */
static bool refuses_early(struct backend_conn *c)
{
    const char *target = c->in.len == 0 ? NULL : memmem(c->in.ptr, c->in.len, " /early", 7);

    if (target == NULL || memmem(c->in.ptr, c->in.len, "\r\n\r\n", 4) == NULL)
        return false;
    c->backend->requests++;
    conn_send(c, SPAN("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n"));
    conn_close(c);
    return true;
}

static void send_page(struct backend_conn *c, size_t bytes)
{
    struct buf out;

    buf_init(&out, SIZE_MAX);
    buf_add(&out, SPAN("HTTP/1.1 200 OK\r\nContent-Length: "));
    buf_add_uint(&out, bytes);
    buf_add(&out, SPAN("\r\n\r\n"));
    for (size_t i = 0; i < bytes; i++)
        buf_add_char(&out, 'x');
    conn_send(c, buf_span(&out));
    buf_deinit(&out);
}

/* Answers an incomplete request for "/eager". Returns whether the connection is closed. */
static bool is_eager(struct backend_conn *c)
{
    const char *target = c->in.len == 0 ? NULL : memmem(c->in.ptr, c->in.len, " /eager", 7);

    if (c->is_eager || target == NULL || memmem(c->in.ptr, c->in.len, "\r\n\r\n", 4) == NULL)
        return false;
    c->is_eager = true;
    send_page(c, strncmp(target, " /eager-page ", 13) == 0 ? 100000 : 2);
    if (strncmp(target, " /eager-drop ", 13) != 0)
        return false;
    conn_close(c);
    return true;
}

/* Takes one request off the front of the input. Returns false when none is complete. */
static bool conn_take(struct backend_conn *c)
{
    struct backend *b = c->backend;
    size_t body_at = 0, len = request_len(c, &body_at);
    const char *target, *blank;
    struct buf copy;

    if (len == 0)
        return false;
    buf_clear(&b->last);
    buf_add(&b->last, (struct span){c->in.ptr, len});
    buf_drop(&c->in, b->last.len);
    target = memchr(b->last.ptr, ' ', b->last.len);
    if (target == NULL)
        abort();
    target++;
    blank = memchr(target, ' ', b->last.len - (size_t)(target - b->last.ptr));
    if (blank == NULL)
        abort();
    buf_init(&copy, SIZE_MAX);
    buf_add(&copy, (struct span){target, (size_t)(blank - target)});
    b->requests++;
    add_call(b, blank, body_at);
    buf_add(&b->targets, buf_span(&copy));
    buf_add_char(&b->targets, '\n');
    conn_answer(c, buf_span(&copy));
    buf_deinit(&copy);
    return c->io.fd != -1;
}

static void on_bytes(struct ev_loop *loop, ev_io *w, int revents)
{
    struct backend_conn *c = w->data;
    char *to = buf_reserve(&c->in, 65536);
    ssize_t n = recv(w->fd, to, 65536, 0);

    (void)loop;
    (void)revents;
    if (n <= 0) {
        c->backend->closed_by_client++;
        conn_close(c);
        return;
    }
    c->in.len += (size_t)n;
    if (refuses_early(c) || is_eager(c))
        return;
    while (conn_take(c))
        ;
}

static void on_connection(struct ev_loop *loop, ev_io *w, int revents)
{
    struct backend *b = w->data;
    int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC);

    (void)revents;
    if (fd == -1)
        abort();
    b->accepted++;
    if (++b->open > b->open_max)
        b->open_max = b->open;
    for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++) {
        struct backend_conn *c = &b->conns[i];

        if (c->io.fd != -1)
            continue;
        *c = (struct backend_conn){.backend = b};
        buf_init(&c->in, SIZE_MAX);
        ev_io_init(&c->io, on_bytes, fd, EV_READ);
        c->io.data = c;
        ev_io_start(loop, &c->io);
        return;
    }
    abort();
}

static int listen_inet(struct backend *b)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd == -1 || bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1 || listen(fd, 100) == -1 ||
        getsockname(fd, (struct sockaddr *)&at, &len) == -1)
        abort();
    snprintf(b->base, sizeof(b->base), "http://127.0.0.1:%u", (unsigned)ntohs(at.sin_port));
    return fd;
}

static int listen_unix(struct backend *b)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(b->path, sizeof(b->path), "/tmp/podop-unit-%d.sock", (int)getpid());
    memcpy(at.sun_path, b->path, strlen(b->path));
    unlink(b->path);
    if (fd == -1 || bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1 || listen(fd, 100) == -1)
        abort();
    snprintf(b->base, sizeof(b->base), "http://backend.test");
    return fd;
}

void backend_open(struct backend *b, struct ev_loop *loop, bool is_unix)
{
    *b = (struct backend){.loop = loop};
    for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++)
        b->conns[i].io.fd = -1;
    buf_init(&b->targets, SIZE_MAX);
    buf_init(&b->calls, SIZE_MAX);
    buf_init(&b->last, SIZE_MAX);
    ev_io_init(&b->io, on_connection, is_unix ? listen_unix(b) : listen_inet(b), EV_READ);
    b->io.data = b;
    ev_io_start(loop, &b->io);
}

void backend_drop_connections(struct backend *b)
{
    for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++) {
        if (b->conns[i].io.fd != -1)
            conn_close(&b->conns[i]);
    }
}

void backend_close(struct backend *b)
{
    backend_drop_connections(b);
    ev_io_stop(b->loop, &b->io);
    close(b->io.fd);
    if (b->path[0] != '\0')
        unlink(b->path);
    buf_deinit(&b->targets);
    buf_deinit(&b->calls);
    buf_deinit(&b->last);
}

struct backend_conn *backend_held(struct backend *b, const char *target)
{
    for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++) {
        if (b->conns[i].is_held && strcmp(b->conns[i].held, target) == 0)
            return &b->conns[i];
    }
    return NULL;
}

void backend_say(struct backend_conn *c, struct span bytes)
{
    conn_send(c, bytes);
}

void backend_end(struct backend_conn *c)
{
    conn_close(c);
}

bool backend_holds(const struct backend *b, const char *target)
{
    for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++) {
        if (b->conns[i].is_held && strcmp(b->conns[i].held, target) == 0)
            return true;
    }
    return false;
}

void backend_release(struct backend *b, const char *target)
{
    for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++) {
        struct backend_conn *c = &b->conns[i];

        if (c->is_held && strcmp(c->held, target) == 0) {
            c->is_held = false;
            conn_echo(c, span_of(c->held));
            return;
        }
    }
    abort();
}
