#include "loop_case.h"

#include "podop/json_renewal.h"

#include "temporary.h"

static struct log quiet;
static struct file_watch *watch;
static struct json_renewals *all;

struct user {
    struct json_renewal *renewal;
    struct json_index *index; /* a reference */
    unsigned calls, renewals;
};

static int begin(void **state)
{
    setup(state);
    temporary_make(state);
    log_init(&quiet);
    quiet.level = LOG_LEVEL_ERROR;
    watch = file_watch_new(loop, &quiet);
    all = json_renewals_new(loop, watch, &quiet, NULL);
    return 0;
}

static int end(void **state)
{
    json_renewals_free(&all);
    file_watch_free(&watch);
    temporary_remove(state);
    return teardown(state);
}

static void on_renewed(void *arg, struct json_index *index)
{
    struct user *u = arg;

    u->calls++;
    u->renewals += u->index != index;
    json_index_unref(&u->index, NULL);
    u->index = json_index_ref(index);
}

static void start(struct user *u)
{
    char *path = temporary_path("t.json");
    const struct json_renewal_user user = {.table = "t", .renewed = on_renewed, .arg = u};
    struct error err = {0};

    u->index = json_index_read(path, NULL, NULL, &err);
    if (u->index == NULL)
        fail_msg("%s", err.text);
    u->renewal = json_renewal_start(all, path, u->index, &user);
    free(path);
}

static void stop(struct user *u)
{
    json_renewal_stop(&u->renewal);
    assert_null(u->renewal);
    json_index_unref(&u->index, NULL);
}

static void wait_for_keys(const struct user *u, size_t keys)
{
    while (json_index_count(u->index) != keys)
        ev_run(loop, EVRUN_ONCE);
}

static void test_renewal(void **state)
{
    struct user u = {0};

    (void)state;
    temporary_write("t.json", "{}");
    start(&u);
    temporary_replace("t.json", "{\"a\": 1}");
    wait_for_keys(&u, 1);
    temporary_write("t.json", "broken");
    temporary_replace("t.json", "{\"a\": 1, \"b\": 2}");
    wait_for_keys(&u, 2);
    stop(&u);
    json_renewal_stop(&u.renewal);
}

/* All tables get the same index, and one that comes later is not set back. */
static void test_tables_share_a_file(void **state)
{
    struct user first = {0}, second = {0};

    (void)state;
    temporary_write("t.json", "{}");
    start(&first);
    temporary_replace("t.json", "{\"a\": 1}");
    start(&second);
    assert_int_equal(json_index_count(second.index), 1);
    wait_for_keys(&first, 1);
    while (second.calls == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_ptr_equal(first.index, second.index);
    assert_int_equal(json_index_count(second.index), 1);
    stop(&first);
    temporary_replace("t.json", "{\"a\": 1, \"b\": 2}");
    wait_for_keys(&second, 2);
    stop(&second);
}

/* A reload has read the file before it changed, and opens its table after the others were renewed.
 */
static void test_a_table_with_an_older_file(void **state)
{
    struct user first = {0}, second = {0};
    const struct json_renewal_user user = {.table = "t", .renewed = on_renewed, .arg = &second};
    char *path = temporary_path("t.json");
    struct error err = {0};

    (void)state;
    temporary_write("t.json", "{}");
    start(&first);
    second.index = json_index_read(path, NULL, NULL, &err);
    temporary_replace("t.json", "{\"a\": 1}");
    wait_for_keys(&first, 1);
    second.renewal = json_renewal_start(all, path, second.index, &user);
    assert_ptr_equal(second.index, first.index);
    stop(&first);
    stop(&second);
    free(path);
}

/* A table ends while its file is read, and the next one begins. */
static void test_end_while_reading(void **state)
{
    struct user first = {0}, second = {0};

    (void)state;
    temporary_write("t.json", "{}");
    for (unsigned turns = 0; turns < 20; turns++) {
        AT_CASE("%u", turns);
        first.calls = 0;
        start(&first);
        for (unsigned i = 0; i < turns && first.calls == 0; i++)
            ev_run(loop, EVRUN_ONCE);
        stop(&first);
    }
    start(&second);
    temporary_replace("t.json", "{\"a\": 1}");
    wait_for_keys(&second, 1);
    stop(&second);
}

#define WITH_FILE(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FILE(test_renewal),
        WITH_FILE(test_tables_share_a_file),
        WITH_FILE(test_a_table_with_an_older_file),
        WITH_FILE(test_end_while_reading),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
