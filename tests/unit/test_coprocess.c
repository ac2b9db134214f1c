#include "unit.h"

#include "podop/buf.h"
#include "podop/coprocess.h"

#include <ev.h>

#include <signal.h>
#include <sys/wait.h>

static struct ev_loop *loop;
static struct log quiet;
static struct coprocesses *owner;

/* What was heard of one. */
struct listener {
    struct coprocess *coprocess;
    struct buf lines; /* each with '|' behind it */
    unsigned deaths;
    char reason[200], said[200];
    bool lets_go; /* at the first line */
};

#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int flags = EVRUN_NOWAIT; !(condition); flags = EVRUN_ONCE)                           \
            ev_run(loop, flags);                                                                   \
    } while (0)

static bool on_line(void *arg, struct span line, struct error *err)
{
    struct listener *l = arg;

    buf_add(&l->lines, line);
    buf_add_char(&l->lines, '|');
    if (l->lets_go)
        coprocess_release(&l->coprocess);
    if (span_equal(line, SPAN("bad"))) {
        error_set(err, ERR_INPUT, "it is bad");
        return false;
    }
    return true;
}

static void on_died(void *arg, struct span reason, struct span said)
{
    struct listener *l = arg;

    l->deaths++;
    snprintf(l->reason, sizeof(l->reason), "%.*s", (int)reason.len, reason.ptr);
    snprintf(l->said, sizeof(l->said), "%.*s", (int)said.len, said.ptr);
}

/* Runs a line of sh. */
static void start(struct listener *l, char *script)
{
    static const struct coprocess_events events = {on_line, on_died};
    static char sh[] = "sh", option[] = "-c";
    static char *argv[4] = {sh, option, NULL, NULL};
    const struct coprocess_config config = {
        .name = "t", .path = "/bin/sh", .argv = argv, .line_max = 20};

    argv[2] = script;
    *l = (struct listener){.lets_go = l->lets_go};
    buf_init(&l->lines, SIZE_MAX);
    l->coprocess = coprocess_new(owner, &config, &events, l);
    coprocess_start(l->coprocess);
}

static void end(struct listener *l)
{
    coprocess_release(&l->coprocess);
    assert_null(l->coprocess);
    coprocess_release(&l->coprocess);
    buf_deinit(&l->lines);
}

static int setup(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    loop = ev_loop_new(EVFLAG_AUTO);
    owner = coprocesses_new(loop, &quiet);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    coprocesses_free(&owner);
    coprocesses_free(&owner);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
    ev_loop_destroy(loop);
    return 0;
}

static void test_lines(void **state)
{
    static char script[] = "cat";
    struct listener l = {0};

    (void)state;
    start(&l, script);
    assert_true(coprocess_is_running(l.coprocess));
    assert_true(coprocess_send(l.coprocess, SPAN("a\n\nb c")));
    assert_true(coprocess_send(l.coprocess, SPAN(" d\n12345678901234567890\n")));
    WAIT_UNTIL(l.lines.len == 30);
    assert_string_equal(buf_string(&l.lines), "a||b c d|12345678901234567890|");
    assert_int_equal(coprocess_queued(l.coprocess), 30);
    assert_int_equal(coprocess_written(l.coprocess), 30);
    assert_int_equal(l.deaths, 0);
    end(&l);
}

static void test_long_line(void **state)
{
    static char script[] = "cat";
    struct listener l = {0};

    (void)state;
    start(&l, script);
    coprocess_send(l.coprocess, SPAN("123456789012345678901"));
    WAIT_UNTIL(l.deaths > 0);
    assert_string_equal(l.reason, "it wrote a line of more than 20 bytes");
    assert_false(coprocess_is_running(l.coprocess));
    end(&l);
}

static void test_rejected_line(void **state)
{
    static char script[] = "echo good; echo bad; echo never; cat";
    struct listener l = {0};

    (void)state;
    start(&l, script);
    WAIT_UNTIL(l.deaths > 0);
    assert_string_equal(buf_string(&l.lines), "good|bad|");
    assert_string_equal(l.reason, "it is bad");
    end(&l);
}

static void test_death_and_last_words(void **state)
{
    static char script[] = "echo last >&2; echo line; exit 3";
    struct listener l = {0};

    (void)state;
    start(&l, script);
    WAIT_UNTIL(l.deaths > 0);
    assert_string_equal(buf_string(&l.lines), "line|");
    assert_string_equal(l.reason, "it ended with status 3");
    assert_string_equal(l.said, "last");
    WAIT_UNTIL(l.deaths > 1); /* it is started again */
    end(&l);
}

static void test_give_up(void **state)
{
    static char script[] = "sleep 1000 & cat";
    struct listener l = {0};

    (void)state;
    start(&l, script);
    coprocess_give_up(l.coprocess, "no use");
    assert_int_equal(l.deaths, 1);
    assert_string_equal(l.reason, "no use");
    coprocess_give_up(l.coprocess, "again");
    assert_int_equal(l.deaths, 1);
    end(&l);
}

static void test_queue_is_bounded(void **state)
{
    static char script[] = "exec sleep 1000";
    static char bytes[64 * 1024];
    struct listener l = {0};
    size_t all = 0;

    (void)state;
    memset(bytes, 'x', sizeof(bytes));
    start(&l, script);
    while (coprocess_send(l.coprocess, (struct span){bytes, sizeof(bytes)})) {
        all += sizeof(bytes);
        ev_run(loop, EVRUN_NOWAIT);
        assert_true(all < 8 << 20);
    }
    assert_int_equal(coprocess_queued(l.coprocess), all);
    assert_true(coprocess_written(l.coprocess) < all);
    end(&l);
}

static void test_let_go_within_line(void **state)
{
    static char script[] = "echo a; echo b; cat";
    struct listener l = {.lets_go = true};

    (void)state;
    start(&l, script);
    WAIT_UNTIL(l.coprocess == NULL);
    for (int i = 0; i < 3; i++)
        ev_run(loop, EVRUN_NOWAIT);
    assert_string_equal(buf_string(&l.lines), "a|");
    assert_int_equal(l.deaths, 0);
    end(&l);
}

/* What it has answered is heard, even when its end is noticed by a write. */
static void test_last_lines_before_a_write_fails(void **state)
{
    static char script[] = "echo a; echo b";
    struct listener l = {0};
    siginfo_t info;

    (void)state;
    start(&l, script);
    assert_int_equal(waitid(P_ALL, 0, &info, WEXITED | WNOWAIT), 0);
    assert_true(coprocess_send(l.coprocess, SPAN("c\n")));
    ev_invoke_pending(loop); /* the write, before the loop sees anything else */
    WAIT_UNTIL(l.deaths > 0);
    assert_string_equal(buf_string(&l.lines), "a|b|");
    assert_string_equal(l.reason, "it ended with status 0");
    end(&l);
}

static void test_cannot_start(void **state)
{
    static const struct coprocess_events events = {on_line, on_died};
    static char name[] = "x";
    char *argv[] = {name, NULL};
    const struct coprocess_config config = {
        .name = "t", .path = "/nowhere/to/be/found", .argv = argv, .line_max = 20};
    struct listener l = {0};

    (void)state;
    l.coprocess = coprocess_new(owner, &config, &events, &l);
    coprocess_start(l.coprocess);
    assert_int_equal(l.deaths, 1);
    assert_string_equal(l.reason, "cannot start /nowhere/to/be/found: No such file or directory");
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
        cmocka_unit_test_setup_teardown(test_long_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rejected_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_death_and_last_words, setup, teardown),
        cmocka_unit_test_setup_teardown(test_give_up, setup, teardown),
        cmocka_unit_test_setup_teardown(test_queue_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(test_let_go_within_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_last_lines_before_a_write_fails, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cannot_start, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
