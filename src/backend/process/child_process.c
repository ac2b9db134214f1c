#include "child_process.h"

#include "podop/clock.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,        /* at a time: the size of a pipe */
    REST_BYTES_MAX = 1 << 20,      /* limit of the output that is read from an ended process */
    STDERR_READ_BYTES = 16 * 1024, /* at a time */
};

/* The end */

static void close_input(struct child_process *c)
{
    if (c->state != CHILD_SERVING)
        return;
    ev_io_stop(c->loop, &c->write);
    close(c->spawned.in);
    pipe_writer_deinit(&c->out);
}

void child_process_discard(struct child_process *c)
{
    close_input(c);
    c->state = CHILD_DISCARDING;
}

void child_process_end_service(struct child_process *c)
{
    close_input(c);
    ev_io_stop(c->loop, &c->read);
    c->state = CHILD_SILENT;
}

void child_process_kill(const struct child_process *c)
{
    spawn_kill(&c->spawned);
}

void child_process_abandon(struct child_process *c)
{
    close_input(c);
    ev_io_stop(c->loop, &c->exit);
    ev_io_stop(c->loop, &c->read);
    ev_io_stop(c->loop, &c->read_stderr);
    close(c->spawned.pidfd);
    close(c->spawned.out);
    close(c->spawned.err);
    stderr_log_end(&c->stderr_log, c->log, c->table, (uint64_t)c->spawned.pid, clock_now_ms());
    line_buffer_deinit(&c->in);
    c->state = CHILD_NONE;
}

/* Its output */

static void report_long_line(struct child_process *c)
{
    struct error err = {0};

    error_set(&err, ERR_LIMIT, "it wrote a line of more than %zu bytes", c->in.line_max);
    c->events->broken(c, err.text);
}

/* Reports the lines that have come. */
static void take_lines(struct child_process *c)
{
    enum parse parsed = PARSE_DONE;
    bool is_good = true;
    struct error err = {0};
    struct span line;

    while (c->state == CHILD_SERVING && is_good &&
           (parsed = line_buffer_next(&c->in, &line)) == PARSE_DONE)
        is_good = c->events->line(c, line, &err);
    line_buffer_drop_taken(&c->in);
    if (c->state != CHILD_SERVING)
        return;
    if (parsed == PARSE_BAD)
        report_long_line(c);
    else if (!is_good)
        c->events->broken(c, err.text);
}

static ssize_t read_some(struct child_process *c)
{
    struct buf *to = &c->in.bytes;
    const ssize_t n = read(c->spawned.out, buf_reserve(to, READ_BYTES), READ_BYTES);

    if (n > 0)
        to->len += (size_t)n;
    return n;
}

static ssize_t read_unused(struct child_process *c)
{
    char unused[4096];

    return read(c->spawned.out, unused, sizeof(unused));
}

static bool is_over(ssize_t n)
{
    return n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
}

static void on_read(struct ev_loop *loop, ev_io *w, int revents)
{
    struct child_process *c = w->data;

    (void)revents;
    if (c->state == CHILD_DISCARDING) {
        if (is_over(read_unused(c)))
            ev_io_stop(loop, &c->read);
    } else if (is_over(read_some(c))) {
        c->events->broken(c, NULL);
    } else {
        take_lines(c);
    }
}

static void on_read_stderr(struct ev_loop *loop, ev_io *w, int revents)
{
    struct child_process *c = w->data;
    char bytes[STDERR_READ_BYTES];
    const ssize_t n = read(c->spawned.err, bytes, sizeof(bytes));

    (void)revents;
    if (n > 0)
        stderr_log_read(&c->stderr_log, (struct span){bytes, (size_t)n}, c->log, c->table,
                        (uint64_t)c->spawned.pid, clock_now_ms());
    else if (is_over(n))
        ev_io_stop(loop, &c->read_stderr);
}

static void read_rest_of_stderr(struct child_process *c)
{
    struct pollfd has_more = {.fd = c->spawned.err, .events = POLLIN};

    for (int i = 0; i < REST_BYTES_MAX / STDERR_READ_BYTES; i++) {
        if (!ev_is_active(&c->read_stderr) || poll(&has_more, 1, 0) != 1)
            return;
        on_read_stderr(c->loop, &c->read_stderr, 0);
    }
}

/* Reads what an ended process has left. The amount is limited, because its children may go on
 * writing. */
static void read_rest(struct child_process *c)
{
    size_t bytes = 0;
    ssize_t n = 1;

    while (n > 0 && bytes < REST_BYTES_MAX && c->state == CHILD_SERVING) {
        n = read_some(c);
        if (n > 0) {
            bytes += (size_t)n;
            take_lines(c);
        }
    }
    read_rest_of_stderr(c);
}

static void on_exit_ready(struct ev_loop *loop, ev_io *w, int revents)
{
    struct child_process *c = w->data;
    int status;

    (void)loop;
    (void)revents;
    read_rest(c);
    if (!spawn_reap(&c->spawned, &status))
        return;
    child_process_abandon(c);
    c->events->ended(c, status);
}

/* Its input */

static void on_write(struct ev_loop *loop, ev_io *w, int revents)
{
    struct child_process *c = w->data;

    (void)revents;
    switch (pipe_writer_flush(&c->out, c->spawned.in)) {
    case PIPE_BROKEN:
        read_rest(c); /* answers that it gave before are good */
        if (c->state == CHILD_SERVING)
            c->events->broken(c, NULL);
        return;
    case PIPE_BLOCKED: ev_io_start(loop, &c->write); return;
    case PIPE_EMPTY: ev_io_stop(loop, &c->write); return;
    }
}

bool child_process_send(struct child_process *c, struct span lines)
{
    if (!pipe_writer_add(&c->out, lines))
        return false;
    /* Writes after the callback that is running now, together with all lines that it adds. */
    if (!ev_is_active(&c->write))
        ev_feed_event(c->loop, &c->write, EV_WRITE);
    return true;
}

/* The beginning */

void child_process_init(struct child_process *c, struct ev_loop *loop, struct log *log,
                        const char *table, size_t line_max, const struct child_events *events)
{
    *c = (struct child_process){.loop = loop, .log = log, .table = table, .events = events};
    line_buffer_init(&c->in, line_max, READ_BYTES);
    ev_init(&c->exit, on_exit_ready);
    ev_init(&c->read, on_read);
    ev_init(&c->write, on_write);
    ev_init(&c->read_stderr, on_read_stderr);
    c->exit.data = c->read.data = c->write.data = c->read_stderr.data = c;
}

static void watch(struct child_process *c)
{
    ev_io_set(&c->exit, c->spawned.pidfd, EV_READ);
    ev_io_set(&c->read, c->spawned.out, EV_READ);
    ev_io_set(&c->read_stderr, c->spawned.err, EV_READ);
    ev_io_set(&c->write, c->spawned.in, EV_WRITE);
    ev_io_start(c->loop, &c->exit);
    ev_io_start(c->loop, &c->read);
    ev_io_start(c->loop, &c->read_stderr);
}

int child_process_start(struct child_process *c, const char *path, char *const argv[],
                        struct error *err)
{
    pipe_writer_init(&c->out);
    c->stderr_log = (struct stderr_log){0};
    if (spawn(&c->spawned, path, argv, c->in.line_max, err) == -1)
        return -1;
    c->state = CHILD_SERVING;
    watch(c);
    return 0;
}
