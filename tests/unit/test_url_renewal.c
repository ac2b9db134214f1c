#include "url_case.h"

#include "table/url/url_hold.h"

#include "podop/deadline.h"
#include "podop/file_watch.h"

#include "temporary.h"

/* A table whose token is in a file. */
static struct url_case *world;
static struct file_watch *watch;
static struct url_table *t;

struct waiter {
    struct url_renewal_wait wait;
    struct url_renewal *again; /* waits once more for it at the end; NULL: it does not */
    unsigned ended;
};

static int begin(void **state)
{
    static char name[] = "t", type[] = "url", url[] = "http://127.0.0.1:1/§";
    char *file;
    struct url_settings settings = {.connect_timeout_ms = 1000, .max_response = 1000};
    const struct table_config config = {
        .name = name, .type = type, .param = url, .settings = &settings, .timeout_ms = 1000};
    struct error err = {0};
    struct table *table;

    url_case_setup(state);
    world = *state;
    temporary_make(state);
    *state = world;
    temporary_write("token", "one\n");
    file = temporary_path("token");
    settings.auth = (struct auth_config){.type = AUTH_BEARER, .token_file = file};
    watch = file_watch_new(world->loop, &world->log);
    table = table_open(&config,
                       &(struct table_env){.loop = world->loop,
                                           .http = world->http,
                                           .commits = &world->commits,
                                           .log = &world->log,
                                           .file_watch = watch},
                       &err);
    if (table == NULL)
        fail_msg("%s", err.text);
    free(file);
    t = url_table_of(table);
    return 0;
}

static int end(void **state)
{
    if (t != NULL)
        url_case_close(t);
    file_watch_free(&watch);
    temporary_remove(state);
    return url_case_teardown(state);
}

static const char *token(void)
{
    return secret_text(t->backends.sites->access.authorization) + strlen("Authorization: Bearer ");
}

static void on_ended(struct url_renewal_wait *wait)
{
    struct waiter *w = CONTAINER_OF(wait, struct waiter, wait);
    struct url_renewal *again = w->again;

    w->ended++;
    w->again = NULL;
    if (again != NULL)
        url_renewal_wait(again, wait);
}

static void wait_for_files(struct waiter *w)
{
    w->wait.ended = on_ended;
    url_renewal_wait(t->renewal, &w->wait);
    assert_int_equal(w->ended, 0);
}

static void test_waiting(void **state)
{
    struct waiter first = {0}, second = {0}, cancelled = {0};

    (void)state;
    temporary_write("token", "two\n");
    first.again = t->renewal;
    wait_for_files(&first);
    wait_for_files(&second);
    wait_for_files(&cancelled);
    url_renewal_cancel(&cancelled.wait);
    URL_CASE_WAIT(world, first.ended == 2 && second.ended == 1);
    assert_int_equal(cancelled.ended, 0);
    assert_string_equal(token(), "two");
}

/* The sites in use are replaced by a good file only, and stay as long as somebody uses them. */
static void test_sites_are_replaced(void **state)
{
    static const struct {
        const char *content;
        const char *token;
    } cases[] = {{"one\n", "one"},
                 {"two\n", "two"},
                 {"\n", "two"},
                 {"two words\n", "two"},
                 {"three\n", "three"}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_sites *before = url_sites_ref(t->backends.sites);
        const bool is_same = strcmp(token(), cases[i].token) == 0;
        struct waiter w = {0};

        AT_CASE("%zu", i);
        temporary_write("token", cases[i].content);
        wait_for_files(&w);
        URL_CASE_WAIT(world, w.ended == 1);
        assert_string_equal(token(), cases[i].token);
        assert_int_equal(before == t->backends.sites, is_same);
        url_sites_unref(&before);
    }
}

static void test_watching(void **state)
{
    (void)state;
    url_renewal_start(t->renewal);
    temporary_replace("token", "two\n");
    URL_CASE_WAIT(world, strcmp(token(), "two") == 0);
    url_renewal_stop(t->renewal);
    url_renewal_stop(t->renewal);
}

/* A table that is freed while its files are read. */
static void test_end_of_the_table(void **state)
{
    (void)state;
    url_renewal_look(t->renewal);
    url_renewal_look(t->renewal);
    url_case_close(t);
    t = NULL;
    ev_run(world->loop, EVRUN_NOWAIT);
}

static void test_tables_without_files(void **state)
{
    struct url_table *plain;

    (void)state;
    plain = url_case_open_plain(world);
    assert_null(plain->renewal);
    url_renewal_start(plain->renewal);
    url_renewal_stop(plain->renewal);
    url_case_close(plain);
}

struct held {
    unsigned count;
    struct http_answer answer;
    char reason[100];
};

static void on_over(void *arg, const struct http_answer *answer)
{
    struct held *held = arg;

    held->count++;
    held->answer = *answer;
    snprintf(held->reason, sizeof(held->reason), "%s", answer->reason);
}

/* The answer comes back when the files were read, or at the deadline. */
static void test_hold(void **state)
{
    static const uint64_t left_ms[] = {60 * 1000, 0};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(left_ms); i++) {
        char reason[] = "reset";
        const struct http_answer answer = {
            .outcome = HTTP_FAILED, .status = 401, .body = SPAN("gone"), .reason = reason};
        struct held held = {0};
        struct url_hold *hold =
            url_hold_new(t->renewal, &answer, world->loop, service_now_ms(world->loop) + left_ms[i],
                         on_over, &held);

        AT_CASE("%zu", i);
        assert_non_null(hold);
        memset(reason, 'x', strlen(reason));
        URL_CASE_WAIT(world, held.count > 0);
        assert_int_equal(held.count, 1);
        assert_int_equal(held.answer.outcome, HTTP_FAILED);
        assert_int_equal(held.answer.status, 401);
        assert_int_equal(held.answer.body.len, 0);
        assert_string_equal(held.reason, "reset");
    }
}

static void test_hold_is_freed(void **state)
{
    const struct http_answer answer = {.outcome = HTTP_ANSWERED, .status = 401};
    struct held held = {0};
    struct waiter w = {0};
    struct url_hold *hold = url_hold_new(t->renewal, &answer, world->loop,
                                         service_now_ms(world->loop) + 1000, on_over, &held);

    (void)state;
    url_hold_free(&hold);
    assert_null(hold);
    url_hold_free(&hold);
    wait_for_files(&w);
    URL_CASE_WAIT(world, w.ended == 1);
    assert_int_equal(held.count, 0);
}

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLE(test_waiting),
        WITH_TABLE(test_sites_are_replaced),
        WITH_TABLE(test_watching),
        WITH_TABLE(test_end_of_the_table),
        WITH_TABLE(test_tables_without_files),
        WITH_TABLE(test_hold),
        WITH_TABLE(test_hold_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
