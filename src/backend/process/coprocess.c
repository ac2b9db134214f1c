#include "podop/coprocess.h"

#include "spawn.h"
#include "stderr_log.h"

#include "podop/buf.h"
#include "podop/clock.h"
#include "podop/deadline.h"
#include "podop/mem.h"

#include <ev.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    PAUSE_MIN_MS = 1000, /* before it is started again; doubled with each death */
    PAUSE_MAX_MS = 30 * 1000,
    STEADY_MS = 30 * 1000,     /* who has lived so long begins with the shortest pause again */
    LET_GO_MS = 5 * 1000,      /* to end, for one that is not needed any more */
    STOP_MS = 1000,            /* the same, for all of them together, when podop ends */
    KILLED_MS = 1000,          /* and until those are buried that had to be killed then */
    END_MS = 100,              /* from the end of its output to its own end */
    READ_BYTES = 64 * 1024,    /* at a time: a pipe has no more */
    REST_BYTES_MAX = 1 << 20,  /* that are read of what a dead process left */
    SAYS_BYTES = 16 * 1024,    /* of its standard error, at a time */
    QUEUE_BYTES_MAX = 4 << 20, /* waiting to be read by it; a single request may be longer */
    REQUEST_BYTES_MAX = 64 << 20,
    BUFFER_KEPT_BYTES = 64 * 1024, /* an empty buffer that is larger is given back */
};

enum phase {
    PHASE_NEW,     /* never started */
    PHASE_RUNNING, /* it is written to and read */
    PHASE_ENDING,  /* of no use any more, not dead yet or not buried */
    PHASE_PAUSED,  /* until timer */
};

struct coprocess {
    struct coprocesses *owner;
    struct coprocess *next, **prev_next;
    const struct coprocess_events *events; /* NULL: let go of */
    void *arg;
    char *name;
    const char *path;
    char *const *argv;
    size_t line_max;
    enum phase phase;
    bool is_told;   /* died() has run for the process that is ending */
    bool is_closed; /* its input has reached its end */
    struct spawned process;
    ev_io exit, read, write, hear;
    struct deadline
        deadline; /* RUNNING and let go of, ENDING: until it is killed. PAUSED: until it starts */
    uint64_t started_at_ms;
    uint32_t pause_ms; /* the next one */
    struct buf in;
    size_t scanned; /* bytes of in without a line feed */
    struct buf out;
    size_t out_at; /* bytes of out that are written */
    uint64_t queued, written;
    struct stderr_log stderr_log;
};

struct coprocesses {
    struct ev_loop *loop;
    struct log *log;
    struct coprocess *first;
};

struct coprocesses *coprocesses_new(struct ev_loop *loop, struct log *log)
{
    struct coprocesses *owner = xcalloc(1, sizeof(*owner));

    owner->loop = loop;
    service_clock_hold(loop);
    owner->log = log;
    return owner;
}

static void free_now(struct coprocess *c)
{
    deadline_stop(&c->deadline);
    *c->prev_next = c->next;
    if (c->next != NULL)
        c->next->prev_next = c->prev_next;
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    free(c->name);
    free(c);
}

static void arm(struct coprocess *c, uint32_t ms)
{
    deadline_start_in(&c->deadline, c->owner->loop, ms);
}

static void close_input(struct coprocess *c)
{
    if (c->is_closed)
        return;
    c->is_closed = true;
    ev_io_stop(c->owner->loop, &c->write);
    close(c->process.in);
    buf_deinit(&c->out);
    c->out_at = 0;
}

/* The process is reaped. */
static void close_all(struct coprocess *c)
{
    struct ev_loop *loop = c->owner->loop;

    close_input(c);
    ev_io_stop(loop, &c->exit);
    ev_io_stop(loop, &c->read);
    ev_io_stop(loop, &c->hear);
    close(c->process.pidfd);
    close(c->process.out);
    close(c->process.err);
    stderr_log_end(&c->stderr_log, c->owner->log, c->name, (uint64_t)c->process.pid,
                   clock_now_ms());
    buf_deinit(&c->in);
    c->scanned = 0;
}

static void begin_pause(struct coprocess *c)
{
    if (clock_now_ms() - c->started_at_ms >= STEADY_MS)
        c->pause_ms = PAUSE_MIN_MS;
    c->phase = PHASE_PAUSED;
    arm(c, c->pause_ms);
    c->pause_ms = c->pause_ms > PAUSE_MAX_MS / 2 ? PAUSE_MAX_MS : c->pause_ms * 2;
}

static void tell_death(struct coprocess *c, const char *reason)
{
    if (c->is_told || c->events == NULL)
        return;
    c->is_told = true;
    c->events->died(c->arg, span_of(reason), span_of(c->stderr_log.last));
}

/* It is of no use any more: nothing is read or written, and there is nothing to wait for. */
static void end_service(struct coprocess *c)
{
    c->phase = PHASE_ENDING;
    close_input(c);
    ev_io_stop(c->owner->loop, &c->read);
}

static void kill_for(struct coprocess *c, const char *reason)
{
    end_service(c);
    spawn_kill(&c->process);
    deadline_stop(&c->deadline);
    tell_death(c, reason); /* last: what hears it may let go of c */
}

void coprocess_give_up(struct coprocess *c, const char *reason)
{
    if (c->phase == PHASE_RUNNING)
        kill_for(c, reason);
}

/* Its output has ended: so has it, as a rule, and then its status tells more. */
static void await_end(struct coprocess *c)
{
    end_service(c);
    arm(c, END_MS);
}

static void describe(char *text, size_t size, int status)
{
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (number != 0)
        snprintf(text, size, "it was killed by signal %d (%s)", number, strsignal(number));
    else
        snprintf(text, size, "it ended with status %d", WEXITSTATUS(status));
}

/* Takes whole lines off c->in; false when c is not running any more. */
static bool take_lines(struct coprocess *c)
{
    struct error err = {0};
    size_t used = 0;

    while (c->phase == PHASE_RUNNING && c->events != NULL) {
        struct span rest = span_skip(buf_span(&c->in), used);
        const char *end = rest.len == c->scanned
                              ? NULL
                              : memchr(rest.ptr + c->scanned, '\n', rest.len - c->scanned);
        size_t len = end == NULL ? rest.len : (size_t)(end - rest.ptr);

        if (len > c->line_max) {
            error_set(&err, ERR_LIMIT, "it wrote a line of more than %zu bytes", c->line_max);
            break;
        }
        if (end == NULL) {
            c->scanned = rest.len;
            break;
        }
        c->scanned = 0;
        used += len + 1;
        if (!c->events->line(c->arg, (struct span){rest.ptr, len}, &err))
            break;
    }
    buf_drop(&c->in, used);
    if (c->in.len == 0 && c->in.cap > BUFFER_KEPT_BYTES)
        buf_deinit(&c->in);
    if (err.kind != ERR_NONE && c->phase == PHASE_RUNNING)
        kill_for(c, err.text);
    return c->phase == PHASE_RUNNING;
}

/* How much was read: 0 at the end, -1 when there is nothing now. */
static ssize_t read_some(struct coprocess *c)
{
    ssize_t n;

    if (c->events == NULL) { /* nobody listens, and it must not be stopped by that */
        char unread[4096];

        return read(c->process.out, unread, sizeof(unread));
    }
    n = read(c->process.out, buf_reserve(&c->in, READ_BYTES), READ_BYTES);
    if (n > 0)
        c->in.len += (size_t)n;
    return n;
}

static bool is_over(ssize_t n)
{
    return n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR);
}

static void on_read(struct ev_loop *loop, ev_io *w, int revents)
{
    struct coprocess *c = w->data;
    ssize_t n = read_some(c);

    (void)revents;
    if (!is_over(n))
        take_lines(c);
    else if (c->events == NULL)
        ev_io_stop(loop, &c->read);
    else
        await_end(c);
}

static void on_hear(struct ev_loop *loop, ev_io *w, int revents)
{
    struct coprocess *c = w->data;
    char bytes[SAYS_BYTES];
    ssize_t n = read(c->process.err, bytes, sizeof(bytes));

    (void)revents;
    if (n > 0)
        stderr_log_read(&c->stderr_log, (struct span){bytes, (size_t)n}, c->owner->log, c->name,
                        (uint64_t)c->process.pid, clock_now_ms());
    else if (is_over(n))
        ev_io_stop(loop, &c->hear);
}

/* What a process left that has ended; its children may go on writing. */
static void read_rest(struct coprocess *c)
{
    size_t all = 0;
    ssize_t n = 1;

    while (n > 0 && all < REST_BYTES_MAX && c->phase == PHASE_RUNNING && c->events != NULL) {
        n = read_some(c);
        all += n > 0 ? (size_t)n : 0;
        if (n > 0)
            take_lines(c);
    }
    for (int i = 0; i < REST_BYTES_MAX / SAYS_BYTES && ev_is_active(&c->hear); i++) {
        struct pollfd has_more = {.fd = c->process.err, .events = POLLIN};

        if (poll(&has_more, 1, 0) != 1)
            break;
        on_hear(c->owner->loop, &c->hear, 0);
    }
}

static void on_exit_of(struct ev_loop *loop, ev_io *w, int revents)
{
    struct coprocess *c = w->data;
    char reason[100];
    int status;

    (void)loop;
    (void)revents;
    read_rest(c);
    if (!spawn_reap(&c->process, &status))
        return;
    close_all(c);
    if (c->events == NULL) {
        free_now(c);
        return;
    }
    describe(reason, sizeof(reason), status);
    begin_pause(c);
    tell_death(c, reason);
}

static void on_write(struct ev_loop *loop, ev_io *w, int revents)
{
    struct coprocess *c = w->data;
    size_t left = c->out.len - c->out_at;
    ssize_t n = left == 0 ? 0 : write(c->process.in, c->out.ptr + c->out_at, left);

    (void)revents;
    if (n == -1 && errno != EAGAIN && errno != EINTR) { /* it has ended, or closed its input */
        read_rest(c); /* answers that it gave before that are good */
        if (c->phase == PHASE_RUNNING)
            await_end(c);
        return;
    }
    if (n > 0) {
        c->out_at += (size_t)n;
        c->written += (uint64_t)n;
    }
    if (c->out_at < c->out.len) {
        ev_io_start(loop, &c->write);
        return;
    }
    ev_io_stop(loop, &c->write);
    c->out_at = 0;
    buf_clear(&c->out);
    if (c->out.cap > BUFFER_KEPT_BYTES)
        buf_deinit(&c->out);
}

static void on_deadline(void *arg)
{
    struct coprocess *c = arg;

    if (c->phase == PHASE_PAUSED) {
        coprocess_start(c);
        return;
    }
    spawn_kill(&c->process);
    if (c->phase == PHASE_ENDING)
        tell_death(c, "it closed its input or its output");
}

struct coprocess *coprocess_new(struct coprocesses *owner, const struct coprocess_config *config,
                                const struct coprocess_events *events, void *arg)
{
    struct coprocess *c = xcalloc(1, sizeof(*c));

    c->owner = owner;
    c->next = owner->first;
    c->prev_next = &owner->first;
    if (c->next != NULL)
        c->next->prev_next = &c->next;
    owner->first = c;
    c->events = events;
    c->arg = arg;
    c->name = xstrdup(config->name);
    c->path = config->path;
    c->argv = config->argv;
    c->line_max = config->line_max;
    c->pause_ms = PAUSE_MIN_MS;
    buf_init(&c->in, config->line_max + 1 + READ_BYTES);
    buf_init(&c->out, REQUEST_BYTES_MAX);
    ev_init(&c->exit, on_exit_of);
    ev_init(&c->read, on_read);
    ev_init(&c->write, on_write);
    ev_init(&c->hear, on_hear);
    deadline_init(&c->deadline, on_deadline, c);
    c->exit.data = c->read.data = c->write.data = c->hear.data = c;
    return c;
}

static void watch(struct coprocess *c)
{
    struct ev_loop *loop = c->owner->loop;

    ev_io_set(&c->exit, c->process.pidfd, EV_READ);
    ev_io_set(&c->read, c->process.out, EV_READ);
    ev_io_set(&c->hear, c->process.err, EV_READ);
    ev_io_set(&c->write, c->process.in, EV_WRITE);
    ev_io_start(loop, &c->exit);
    ev_io_start(loop, &c->read);
    ev_io_start(loop, &c->hear);
}

void coprocess_start(struct coprocess *c)
{
    struct error err = {0};

    c->started_at_ms = clock_now_ms();
    c->is_told = c->is_closed = false;
    c->queued = c->written = 0;
    c->stderr_log = (struct stderr_log){0};
    if (spawn(&c->process, c->path, c->argv, c->line_max, &err) == -1) {
        begin_pause(c);
        tell_death(c, err.text);
        return;
    }
    c->phase = PHASE_RUNNING;
    watch(c);
    log_info(c->owner->log, "program_started", LOG_STR("table", c->name),
             LOG_UINT("pid", (uint64_t)c->process.pid));
}

void coprocess_release(struct coprocess **pc)
{
    struct coprocess *c = *pc;

    if (c == NULL)
        return;
    *pc = NULL;
    c->events = NULL;
    switch (c->phase) {
    case PHASE_NEW:
    case PHASE_PAUSED: free_now(c); return;
    case PHASE_RUNNING:
        close_input(c);
        arm(c, LET_GO_MS);
        return;
    case PHASE_ENDING: return; /* its exit frees it */
    }
}

bool coprocess_is_running(const struct coprocess *c)
{
    return c->phase == PHASE_RUNNING;
}

long coprocess_pid(const struct coprocess *c)
{
    return c->phase == PHASE_RUNNING ? (long)c->process.pid : 0;
}

/* What is written already makes room for what is to come. */
static void drop_written(struct coprocess *c)
{
    if (c->out_at > c->out.len / 2) {
        buf_drop(&c->out, c->out_at);
        c->out_at = 0;
    }
}

bool coprocess_send(struct coprocess *c, struct span lines)
{
    size_t waiting = c->out.len - c->out_at;

    if (waiting > 0 && (lines.len > QUEUE_BYTES_MAX || waiting > QUEUE_BYTES_MAX - lines.len))
        return false;
    drop_written(c);
    buf_add(&c->out, lines);
    if (c->out.is_over) {
        c->out.is_over = false;
        return false;
    }
    c->queued += lines.len;
    if (!ev_is_active(
            &c->write)) /* right after the callback now running, with what comes till then */
        ev_feed_event(c->owner->loop, &c->write, EV_WRITE);
    return true;
}

uint64_t coprocess_queued(const struct coprocess *c)
{
    return c->queued;
}

uint64_t coprocess_written(const struct coprocess *c)
{
    return c->written;
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop; /* it only wakes the loop, and is not active any more */
    (void)w;
    (void)revents;
}

/* Serves them until the last one is buried, or for so long. */
static void run_for(struct coprocesses *owner, uint32_t ms)
{
    ev_timer limit;

    ev_now_update(owner->loop);
    ev_timer_init(&limit, on_limit, ms / 1000.0, 0.0);
    ev_timer_start(owner->loop, &limit);
    while (owner->first != NULL && ev_is_active(&limit))
        ev_run(owner->loop, EVRUN_ONCE);
    ev_timer_stop(owner->loop, &limit);
}

void coprocesses_free(struct coprocesses **powner)
{
    struct coprocesses *owner = *powner;

    if (owner == NULL)
        return;
    *powner = NULL;
    run_for(owner, STOP_MS);
    for (struct coprocess *c = owner->first; c != NULL; c = c->next)
        spawn_kill(&c->process);
    run_for(owner, KILLED_MS);
    for (struct coprocess *c = owner->first, *next; c != NULL; c = next) {
        next = c->next; /* one that not even SIGKILL ends is left to init */
        close_all(c);
        free_now(c);
    }
    service_clock_release(owner->loop);
    free(owner);
}
