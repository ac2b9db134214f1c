/* What a co-process writes. The first byte seeds the random choices, the second one says how much
 * of the rest goes to standard output; the remainder goes to standard error. Both are cut anywhere
 * and mixed, while lines are sent to the process. The process is not real: spawn() is replaced, and
 * returns pipes of which the fuzzer has the other ends. */
#include "fuzz.h"

#include "backend/process/spawn.h"
#include "backend/process/stderr_log.h"
#include "podop/buf.h"
#include "podop/coprocess.h"

#include <ev.h>

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 40, INPUT_MAX = 16 * 1024, EXIT_STATUS = 3 };

/* The fuzzer's ends of the pipes; -1: closed. */
struct process {
    int in, out, err;
    int life; /* its other end stands for the pidfd: readable when this one is closed */
    bool was_killed;
};

static struct process process;

/* The owner of the co-process. */
struct owner {
    struct coprocess *coprocess;
    struct buf lines, sent, arrived;
    bool was_released, has_died;
    char reason[200], last_stderr[200];
};

struct world {
    struct ev_loop *loop;
    struct coprocesses *all;
    struct log quiet;
    struct owner owner;
    unsigned chance;
};

static size_t choose(struct world *w, size_t below)
{
    w->chance = w->chance * 1103515245 + 12345;
    return (w->chance >> 16) % below;
}

/* Time stands still: a fuzzer that the machine lets wait must not take that for a slow process. Its
 * own clock is that of the day. */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (clock == CLOCK_MONOTONIC) {
        *now = (struct timespec){.tv_sec = 1000};
        return 0;
    }
    return (int)syscall(SYS_clock_gettime, clock, now);
}

/* The process */

static void close_end(int *fd)
{
    if (*fd != -1)
        close(*fd);
    *fd = -1;
}

int __wrap_spawn(struct spawned *s, const char *path, char *const argv[], size_t max_response,
                 struct error *err);
void __wrap_spawn_kill(const struct spawned *s);
bool __wrap_spawn_reap(const struct spawned *s, int *status);

int __wrap_spawn(struct spawned *s, const char *path, char *const argv[], size_t max_response,
                 struct error *err)
{
    int in[2], out[2], error[2], life[2];

    (void)path;
    (void)argv;
    (void)max_response;
    (void)err;
    PROMISE(pipe2(in, O_NONBLOCK | O_CLOEXEC) == 0 && pipe2(out, O_NONBLOCK | O_CLOEXEC) == 0);
    PROMISE(pipe2(error, O_NONBLOCK | O_CLOEXEC) == 0 && pipe2(life, O_CLOEXEC) == 0);
    *s = (struct spawned){.pid = 17, .pidfd = life[0], .in = in[1], .out = out[0], .err = error[0]};
    process = (struct process){.in = in[0], .out = out[1], .err = error[1], .life = life[1]};
    return 0;
}

void __wrap_spawn_kill(const struct spawned *s)
{
    (void)s;
    process.was_killed = true;
    close_end(&process.life);
}

bool __wrap_spawn_reap(const struct spawned *s, int *status)
{
    (void)s;
    PROMISE(process.life == -1);
    *status = process.was_killed ? SIGKILL : EXIT_STATUS << 8;
    return true;
}

/* Reads what podop has sent. */
static void read_input(struct owner *o)
{
    char bytes[4096];
    ssize_t n = 0;

    while (process.in != -1 && (n = read(process.in, bytes, sizeof(bytes))) > 0)
        buf_add(&o->arrived, (struct span){bytes, (size_t)n});
    PROMISE(o->arrived.len <= o->sent.len);
    PROMISE(span_equal(buf_span(&o->arrived), (struct span){o->sent.ptr, o->arrived.len}));
}

/* Writes the beginning of a stream, and drops it from rest. Nothing is lost: pipes are larger. */
static void write_piece(int fd, struct span *rest, size_t len)
{
    PROMISE(len == 0 || write(fd, rest->ptr, len) == (ssize_t)len);
    *rest = span_skip(*rest, len);
}

/* The owner */

static void send_line(struct owner *o, struct span line)
{
    struct buf text;

    buf_init(&text, SIZE_MAX);
    buf_add(&text, line);
    buf_add_char(&text, '\n');
    if (coprocess_is_running(o->coprocess) && coprocess_send(o->coprocess, buf_span(&text)))
        buf_add(&o->sent, buf_span(&text));
    buf_deinit(&text);
}

static bool on_line(void *arg, struct span line, struct error *err)
{
    struct owner *o = arg;

    PROMISE(!o->was_released && !o->has_died && line.len <= LINE_MAX_BYTES);
    buf_add(&o->lines, line);
    buf_add_char(&o->lines, '\n');
    if (span_equal(line, SPAN("bad"))) {
        error_set(err, ERR_INPUT, "it is bad");
        return false;
    }
    if (span_equal(line, SPAN("give up"))) {
        coprocess_give_up(o->coprocess, "it does not answer");
    } else if (span_equal(line, SPAN("release"))) {
        o->was_released = true;
        coprocess_release(&o->coprocess);
    } else if (span_starts_with(line, SPAN("send"))) {
        send_line(o, line);
    }
    return true;
}

static void on_died(void *arg, struct span reason, struct span last_stderr)
{
    struct owner *o = arg;

    PROMISE(!o->was_released && !o->has_died && reason.len > 0);
    o->has_died = true;
    snprintf(o->reason, sizeof(o->reason), "%.*s", (int)reason.len, reason.ptr);
    snprintf(o->last_stderr, sizeof(o->last_stderr), "%.*s", (int)last_stderr.len, last_stderr.ptr);
}

/* What is expected */

/* Returns the lines up to the one that ends the co-process, and the reason of that end, or NULL. */
static const char *expect_lines(struct span out, struct buf *lines)
{
    while (out.len > 0) {
        const char *end = memchr(out.ptr, '\n', out.len);
        const struct span line = {out.ptr, end == NULL ? out.len : (size_t)(end - out.ptr)};

        if (line.len > LINE_MAX_BYTES)
            return "it wrote a line of more than 40 bytes";
        if (end == NULL)
            return NULL;
        buf_add(lines, line);
        buf_add_char(lines, '\n');
        if (span_equal(line, SPAN("bad")))
            return "it is bad";
        if (span_equal(line, SPAN("give up")))
            return "it does not answer";
        if (span_equal(line, SPAN("release")))
            return "";
        out = span_skip(out, line.len + 1);
    }
    return NULL;
}

/* Checks the last line of standard error that is not empty. */
static void check_stderr(struct span err, const char *last)
{
    struct span found = SPAN("");
    char expected[200], cut[STDERR_LINE_BYTES_MAX + 1] = "";

    while (err.len > 0) {
        const char *end = memchr(err.ptr, '\n', err.len);
        const size_t len = end == NULL ? err.len : (size_t)(end - err.ptr);

        if (len > 0)
            found = (struct span){err.ptr, len};
        err = span_skip(err, end == NULL ? len : len + 1);
    }
    if (found.len > STDERR_LINE_BYTES_MAX)
        found.len = STDERR_LINE_BYTES_MAX;
    if (found.len > 0)
        memcpy(cut, found.ptr, found.len); /* a NUL ends it */
    snprintf(expected, sizeof(expected), "%.199s", cut);
    PROMISE(strcmp(expected, last) == 0);
}

static void check(const struct owner *o, struct span out, struct span err)
{
    struct buf lines;
    const char *reason;

    buf_init(&lines, SIZE_MAX);
    reason = expect_lines(out, &lines);
    PROMISE(span_equal(buf_span(&lines), buf_span(&o->lines)));
    buf_deinit(&lines);
    PROMISE(o->was_released == (reason != NULL && *reason == '\0'));
    PROMISE(o->has_died != o->was_released);
    if (o->has_died)
        PROMISE(strcmp(o->reason, reason == NULL ? "it ended with status 3" : reason) == 0);
    if (reason == NULL)
        check_stderr(err, o->last_stderr);
}

/* The run */

static void start(struct world *w)
{
    static const struct coprocess_events events = {on_line, on_died};
    static char *argv[] = {NULL};
    const struct coprocess_config config = {
        .name = "t", .path = "/none", .argv = argv, .line_max = LINE_MAX_BYTES};
    struct owner *o = &w->owner;

    *o = (struct owner){.coprocess = NULL};
    buf_init(&o->lines, SIZE_MAX);
    buf_init(&o->sent, SIZE_MAX);
    buf_init(&o->arrived, SIZE_MAX);
    o->coprocess = coprocess_new(w->all, &config, &events, o);
    coprocess_start(o->coprocess);
}

static void turn(struct world *w)
{
    ev_run(w->loop, EVRUN_NOWAIT);
    read_input(&w->owner);
}

/* Writes both streams in pieces, until all is written or nobody reads any more. */
static void write_all(struct world *w, struct span out, struct span err)
{
    struct owner *o = &w->owner;

    while ((out.len > 0 || err.len > 0) && !o->has_died && !o->was_released) {
        if (out.len > 0 && (err.len == 0 || choose(w, 3) > 0))
            write_piece(process.out, &out, 1 + choose(w, out.len));
        else
            write_piece(process.err, &err, 1 + choose(w, err.len));
        if (choose(w, 4) == 0 && o->coprocess != NULL)
            send_line(o, SPAN("question"));
        if (choose(w, 3) > 0)
            turn(w);
    }
}

/* Ends the process, which closes its pipes before, in some order, or leaves them to a child. */
static void end(struct world *w)
{
    int *const ends[] = {&process.out, &process.err, &process.in};
    const size_t first = choose(w, 4);

    for (size_t i = 0; first < 3 && i < 3; i++) {
        close_end(ends[(first + i) % 3]);
        if (choose(w, 2) == 0)
            turn(w);
    }
    close_end(&process.life);
    for (int i = 0; i < 4; i++)
        turn(w);
    for (size_t i = 0; i < 3; i++)
        close_end(ends[i]);
}

static void run(struct world *w, struct span out, struct span err)
{
    struct owner *o = &w->owner;

    start(w);
    write_all(w, out, err);
    end(w);
    check(o, out, err);
    PROMISE(o->coprocess == NULL || !coprocess_is_running(o->coprocess));
    coprocess_release(&o->coprocess);
    buf_deinit(&o->lines);
    buf_deinit(&o->sent);
    buf_deinit(&o->arrived);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w; /* a new loop for each input would be slow */
    struct span bytes;
    size_t out;

    if (size < 2 || size > INPUT_MAX)
        return 0;
    if (w.loop == NULL) {
        signal(SIGPIPE, SIG_IGN);
        w.loop = ev_default_loop(EVFLAG_AUTO);
        w.all = coprocesses_new(w.loop, &w.quiet);
    }
    w.chance = data[0];
    bytes = (struct span){(const char *)data + 2, size - 2};
    out = bytes.len * data[1] / 255;
    run(&w, (struct span){bytes.ptr, out}, span_skip(bytes, out));
    return 0;
}
