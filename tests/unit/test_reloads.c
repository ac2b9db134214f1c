/* Reloads of a server whose part is played by the test. Configurations are read by a real thread.
 */
#include "config_case.h"

#include "server/reloads.h"

enum { REQUESTS_MAX = 4, WORDS_BYTES_MAX = 1000 };

static struct ev_loop *loop;
static struct log log_;
static struct disposal disposal;
static struct config_source source;
static struct reloads reloads;
static struct reload_request requests[REQUESTS_MAX];
static char words[WORDS_BYTES_MAX]; /* what happened, in its order */
static int check_status, switch_status;
static unsigned faults; /* reported to the server */

static void note(const char *word, const char *text)
{
    size_t len = strlen(words);

    snprintf(words + len, sizeof(words) - len, "%s", len == 0 ? "" : " ");
    len = strlen(words);
    snprintf(words + len, sizeof(words) - len, "%s%s", word, text);
}

static struct reload_env begin(void *arg)
{
    (void)arg;
    note("begin", "");
    return (struct reload_env){
        .source = &source,
        .tables = {.loop = loop, .log = &log_, .disposal = &disposal},
    };
}

static int check(void *arg, const struct config *config, struct error *err)
{
    (void)arg;
    assert_non_null(config);
    return check_status == 0 ? 0 : error_set(err, ERR_CONFIG, "checked");
}

static int switch_to(void *arg, struct reloaded *next, struct error *err)
{
    (void)arg;
    assert_non_null(next->config);
    assert_non_null(next->router);
    note("switch", "");
    return switch_status == 0 ? 0 : error_set(err, ERR_BIND, "switched");
}

static void ended(void *arg, int status)
{
    (void)arg;
    note("ended", status == 0 ? "" : "(failed)");
}

static void fault(void *arg, const char *text)
{
    (void)arg;
    assert_int_not_equal(strlen(text), 0);
    faults++;
}

static const struct reloads_ops ops = {begin, check, switch_to, ended, fault};

static void on_fault(void *arg, const char *text)
{
    (void)arg;
    note("fault:", text);
}

static void on_done(void *arg, int status)
{
    note("done", arg);
    if (status == -1)
        note("failed", arg);
}

static void want(size_t i)
{
    static char names[REQUESTS_MAX][2] = {"0", "1", "2", "3"};

    requests[i] = (struct reload_request){.report = on_fault, .done = on_done, .arg = names[i]};
    reloads_want(&reloads, &requests[i]);
}

static void run(void)
{
    while (reloads.current != NULL)
        ev_run(loop, EVRUN_ONCE);
}

static int setup(void **state)
{
    if (enter_directory(state) == -1)
        return -1;
    loop = ev_loop_new(EVFLAG_AUTO);
    log_init(&log_);
    log_.level = LOG_LEVEL_ERROR;
    disposal_init(&disposal, NULL, NULL);
    write_text("t.json", "{}");
    write_text("podop.conf", LISTEN "tables = ( { name = \"j\"; type = \"json\"; "
                                    "param = \"t.json\"; } );\n");
    source = (struct config_source){.file = "podop.conf", .types = &table_types};
    reloads_init(&reloads, &ops, NULL, loop, &log_);
    words[0] = '\0';
    check_status = switch_status = 0;
    faults = 0;
    return 0;
}

static int teardown(void **state)
{
    reloads_deinit(&reloads);
    disposal_deinit(&disposal);
    log_deinit(&log_);
    ev_loop_destroy(loop);
    unlink("t.json");
    return leave_directory(state);
}

static void test_one(void **state)
{
    (void)state;
    want(0);
    assert_string_equal(words, "begin");
    run();
    assert_string_equal(words, "begin switch ended done0");
}

/* A file may have changed after the running reload has read it. */
static void test_requests_meanwhile_share_another_one(void **state)
{
    (void)state;
    want(0);
    want(1);
    want(2);
    run();
    assert_string_equal(words, "begin switch ended done0 begin switch ended done1 done2");
}

static void test_a_cancelled_request_is_not_told(void **state)
{
    (void)state;
    want(0);
    want(1);
    reload_request_cancel(&requests[0]);
    run();
    assert_string_equal(words, "begin switch ended begin switch ended done1");
}

static void test_a_fault_of_the_configuration(void **state)
{
    (void)state;
    write_text("podop.conf", LISTEN "tables = ( );\nnone = 1;\n");
    want(0);
    run();
    assert_non_null(strstr(words, "begin fault:podop.conf:"));
    assert_non_null(strstr(words, " ended(failed) done0 failed0"));
    assert_null(strstr(words, "switch"));
    assert_int_equal(faults, 2);
}

static void test_a_configuration_that_cannot_be_used(void **state)
{
    (void)state;
    check_status = -1;
    want(0);
    run();
    assert_string_equal(words, "begin fault:checked ended(failed) done0 failed0");
}

static void test_a_switch_that_fails(void **state)
{
    (void)state;
    switch_status = -1;
    want(0);
    run();
    assert_string_equal(words, "begin switch fault:switched ended(failed) done0 failed0");
    assert_int_equal(faults, 1);
}

static void test_stop(void **state)
{
    (void)state;
    want(0);
    want(1);
    reloads_stop(&reloads);
    assert_string_equal(words, "begin fault:podop is stopping done0 failed0");
    ev_run(loop, EVRUN_NOWAIT);
    assert_string_equal(words, "begin fault:podop is stopping done0 failed0 "
                               "fault:podop is stopping done1 failed1");
    words[0] = '\0';
    want(2);
    assert_string_equal(words, ""); /* never before reloads_want() returns */
    ev_run(loop, EVRUN_NOWAIT);
    assert_string_equal(words, "fault:podop is stopping done2 failed2");
}

#define RELOADS(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RELOADS(test_one),
        RELOADS(test_requests_meanwhile_share_another_one),
        RELOADS(test_a_cancelled_request_is_not_told),
        RELOADS(test_a_fault_of_the_configuration),
        RELOADS(test_a_configuration_that_cannot_be_used),
        RELOADS(test_a_switch_that_fails),
        RELOADS(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
