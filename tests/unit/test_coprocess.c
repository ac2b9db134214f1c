#include "unit.h"

#include "held_clock.h"

#include "podop/buf.h"
#include "podop/coprocess.h"

#include <ev.h>

#include <signal.h>
#include <sys/wait.h>

static struct ev_loop *loop;
static struct log quiet;
static struct coprocesses *all;

/* The owner of a co-process, and the events that it got. */
struct owner {
    struct coprocess *coprocess;
    struct buf lines; /* each followed by '|' */
    unsigned deaths;
    char reason[200], last_stderr[200];
    bool releases; /* at the first line */
};

#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int flags = EVRUN_NOWAIT; !(condition); flags = EVRUN_ONCE)                           \
            ev_run(loop, flags);                                                                   \
    } while (0)

static bool on_line(void *arg, struct span line, struct error *err)
{
    struct owner *o = arg;

    buf_add(&o->lines, line);
    buf_add_char(&o->lines, '|');
    if (o->releases)
        coprocess_release(&o->coprocess);
    if (span_equal(line, SPAN("bad"))) {
        error_set(err, ERR_INPUT, "it is bad");
        return false;
    }
    return true;
}

static void on_died(void *arg, struct span reason, struct span last_stderr)
{
    struct owner *o = arg;

    o->deaths++;
    snprintf(o->reason, sizeof(o->reason), "%.*s", (int)reason.len, reason.ptr);
    snprintf(o->last_stderr, sizeof(o->last_stderr), "%.*s", (int)last_stderr.len, last_stderr.ptr);
}

/* Starts a script of sh(1) as the co-process. */
static void start(struct owner *o, char *script)
{
    static const struct coprocess_events events = {on_line, on_died};
    static char sh[] = "sh", option[] = "-c";
    static char *argv[4] = {sh, option, NULL, NULL};
    const struct coprocess_config config = {
        .name = "t", .path = "/bin/sh", .argv = argv, .line_max = 20};

    argv[2] = script;
    *o = (struct owner){.releases = o->releases};
    buf_init(&o->lines, SIZE_MAX);
    o->coprocess = coprocess_new(all, &config, &events, o);
    coprocess_start(o->coprocess);
}

static void end(struct owner *o)
{
    coprocess_release(&o->coprocess);
    assert_null(o->coprocess);
    coprocess_release(&o->coprocess);
    buf_deinit(&o->lines);
}

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    loop = ev_loop_new(EVFLAG_AUTO);
    all = coprocesses_new(loop, &quiet);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    coprocesses_free(&all);
    coprocesses_free(&all);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    ev_loop_destroy(loop);
    return 0;
}

static void test_lines(void **state)
{
    static char script[] = "cat";
    struct owner o = {0};

    (void)state;
    start(&o, script);
    assert_true(coprocess_is_running(o.coprocess));
    assert_true(coprocess_send(o.coprocess, SPAN("a\n\nb c")));
    assert_true(coprocess_send(o.coprocess, SPAN(" d\n12345678901234567890\n")));
    WAIT_UNTIL(o.lines.len == 30);
    assert_string_equal(buf_string(&o.lines), "a||b c d|12345678901234567890|");
    assert_int_equal(coprocess_queued(o.coprocess), 30);
    assert_int_equal(coprocess_written(o.coprocess), 30);
    assert_int_equal(o.deaths, 0);
    end(&o);
}

static void test_long_line(void **state)
{
    static char script[] = "cat";
    struct owner o = {0};

    (void)state;
    start(&o, script);
    coprocess_send(o.coprocess, SPAN("123456789012345678901"));
    WAIT_UNTIL(o.deaths > 0);
    assert_string_equal(o.reason, "it wrote a line of more than 20 bytes");
    assert_false(coprocess_is_running(o.coprocess));
    end(&o);
}

static void test_rejected_line(void **state)
{
    static char script[] = "echo good; echo bad; echo never; cat";
    struct owner o = {0};

    (void)state;
    start(&o, script);
    WAIT_UNTIL(o.deaths > 0);
    assert_string_equal(buf_string(&o.lines), "good|bad|");
    assert_string_equal(o.reason, "it is bad");
    end(&o);
}

static void test_death_and_restart(void **state)
{
    static char script[] = "echo last >&2; echo line; exit 3";
    struct owner o = {0};

    (void)state;
    start(&o, script);
    WAIT_UNTIL(o.deaths > 0);
    assert_string_equal(buf_string(&o.lines), "line|");
    assert_string_equal(o.reason, "it ended with status 3");
    assert_string_equal(o.last_stderr, "last");
    held_clock_pass_ms(loop, 1000); /* the pause */
    WAIT_UNTIL(o.deaths > 1);
    end(&o);
}

static void test_give_up(void **state)
{
    static char script[] = "sleep 1000 & cat";
    struct owner o = {0};

    (void)state;
    start(&o, script);
    coprocess_give_up(o.coprocess, "no use");
    assert_int_equal(o.deaths, 1);
    assert_string_equal(o.reason, "no use");
    coprocess_give_up(o.coprocess, "again");
    assert_int_equal(o.deaths, 1);
    end(&o);
}

static void test_queue_is_bounded(void **state)
{
    static char script[] = "exec sleep 1000";
    static char bytes[64 * 1024];
    struct owner o = {0};
    size_t bytes_sent = 0;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    start(&o, script);
    while (coprocess_send(o.coprocess, (struct span){bytes, sizeof(bytes)})) {
        bytes_sent += sizeof(bytes);
        ev_run(loop, EVRUN_NOWAIT);
        assert_true(bytes_sent < 8 << 20);
    }
    assert_int_equal(coprocess_queued(o.coprocess), bytes_sent);
    assert_true(coprocess_written(o.coprocess) < bytes_sent);
    end(&o);
}

static void test_release_within_line(void **state)
{
    static char script[] = "echo a; echo b; cat";
    struct owner o = {.releases = true};

    (void)state;
    start(&o, script);
    WAIT_UNTIL(o.coprocess == NULL);
    for (int i = 0; i < 3; i++)
        ev_run(loop, EVRUN_NOWAIT);
    assert_string_equal(buf_string(&o.lines), "a|");
    assert_int_equal(o.deaths, 0);
    end(&o);
}

/* The last lines of a program are read, even when a failed write is the first sign of its end. */
static void test_last_lines_before_a_write_fails(void **state)
{
    static char script[] = "echo a; echo b";
    struct owner o = {0};
    siginfo_t info;

    (void)state;
    start(&o, script);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    assert_true(coprocess_send(o.coprocess, SPAN("c\n")));
    ev_invoke_pending(loop); /* the write, before the loop sees anything else */
    WAIT_UNTIL(o.deaths > 0);
    assert_string_equal(buf_string(&o.lines), "a|b|");
    assert_string_equal(o.reason, "it ended with status 0");
    end(&o);
}

static void test_cannot_start(void **state)
{
    static const struct coprocess_events events = {on_line, on_died};
    static char name[] = "x";
    char *argv[] = {name, NULL};
    const struct coprocess_config config = {
        .name = "t", .path = "/nowhere/to/be/found", .argv = argv, .line_max = 20};
    struct owner o = {0};

    (void)state;
    o.coprocess = coprocess_new(all, &config, &events, &o);
    coprocess_start(o.coprocess);
    assert_int_equal(o.deaths, 1);
    assert_string_equal(o.reason, "cannot start /nowhere/to/be/found: No such file or directory");
    end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rejected_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_death_and_restart, setup, teardown),
        cmocka_unit_test_setup_teardown(test_give_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_release_within_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_lines_before_a_write_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cannot_start, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
