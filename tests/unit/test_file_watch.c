#include "loop_case.h"

#include "podop/file_watch.h"
#include "podop/log.h"

#include "temporary.h"

static struct file_watch *watch;
static struct log quiet;

struct owner {
    struct watched_files *files;
    unsigned changes;
    struct owner *removes; /* at a change; NULL: none */
};

static int begin(void **state)
{
    setup(state);
    temporary_make(state);
    log_init(&quiet);
    quiet.level = LOG_LEVEL_ERROR;
    watch = file_watch_new(loop, &quiet);
    return 0;
}

static int end(void **state)
{
    file_watch_free(&watch);
    assert_null(watch);
    temporary_remove(state);
    return teardown(state);
}

static void on_changed(void *arg)
{
    struct owner *o = arg;

    o->changes++;
    if (o->removes != NULL)
        file_watch_remove(&o->removes->files);
}

static void add(struct owner *o, const char *first, const char *second)
{
    char *a = temporary_path(first);
    char *b = second == NULL ? NULL : temporary_path(second);

    o->files = file_watch_add(watch, (const char *const[]){a, NULL, b}, 3, on_changed, o);
    free(a);
    free(b);
}

static void wait_for(const struct owner *o, unsigned changes)
{
    while (o->changes < changes)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(o->changes, changes);
}

static void test_changes(void **state)
{
    struct owner o = {0};

    (void)state;
    temporary_write("token", "one");
    add(&o, "token", NULL);
    wait_for(&o, 1); /* in any case */
    temporary_replace("token", "two");
    wait_for(&o, 2);
    temporary_write("other", "something else");
    temporary_write("token", "three");
    wait_for(&o, 3);
    temporary_delete("token");
    wait_for(&o, 4);
    temporary_write("token", "four");
    wait_for(&o, 5);
    file_watch_remove(&o.files);
    assert_null(o.files);
    file_watch_remove(&o.files);
    ev_run(loop, 0); /* nothing is watched any more, so the loop ends */
    assert_int_equal(o.changes, 5);
}

/* Each owner is called once, however many of its files have changed. */
static void test_owners_share_files(void **state)
{
    struct owner one = {0}, both = {0};

    (void)state;
    temporary_write("a", "one");
    temporary_write("b", "one");
    add(&one, "a", NULL);
    add(&both, "a", "b");
    wait_for(&one, 1);
    wait_for(&both, 1);
    temporary_write("b", "two");
    wait_for(&both, 2);
    assert_int_equal(one.changes, 1);
    temporary_write("a", "two");
    temporary_write("b", "three");
    wait_for(&one, 2);
    wait_for(&both, 3);
    file_watch_remove(&both.files);
    temporary_write("a", "three");
    wait_for(&one, 3);
    assert_int_equal(both.changes, 3);
    file_watch_remove(&one.files);
}

/* A file that is written again and again is reported when it stays the same. */
static void test_a_file_that_goes_on_changing(void **state)
{
    struct owner o = {0}, clock = {0};
    char content[40];

    (void)state;
    temporary_write("token", "one");
    add(&o, "token", NULL);
    wait_for(&o, 1);
    for (int i = 0; i < 20; i++) {
        snprintf(content, sizeof(content), "%0*d", i + 4, i);
        temporary_write("token", content);
        ev_run(loop, EVRUN_ONCE);
    }
    wait_for(&o, 2);
    add(&clock, "token", NULL); /* is told after two more scans */
    wait_for(&clock, 1);
    assert_in_range(o.changes, 2, 3);
    file_watch_remove(&o.files);
    file_watch_remove(&clock.files);
}

static void test_an_owner_removes_others_and_itself(void **state)
{
    struct owner first = {0}, second = {0};

    (void)state;
    first.removes = &second;
    second.removes = &first;
    temporary_write("token", "one");
    add(&first, "token", NULL);
    add(&second, "token", NULL);
    while (first.changes + second.changes == 0)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(first.changes + second.changes, 1);
    first.removes = &first;
    second.removes = &second;
    if (first.files != NULL) {
        temporary_write("token", "two");
        wait_for(&first, 2);
    } else {
        temporary_write("token", "two");
        wait_for(&second, 2);
    }
    assert_null(first.files);
    assert_null(second.files);
    ev_run(loop, 0);
}

/* The end while a scan is under way. */
static void test_end_at_any_time(void **state)
{
    struct owner o = {0};

    (void)state;
    add(&o, "missing", NULL);
    for (int i = 0; i < 3; i++)
        ev_run(loop, EVRUN_NOWAIT);
    file_watch_remove(&o.files);
}

static void test_without_files(void **state)
{
    (void)state;
    ev_run(loop, 0);
}

#define WITH_WATCH(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_WATCH(test_changes),
        WITH_WATCH(test_owners_share_files),
        WITH_WATCH(test_a_file_that_goes_on_changing),
        WITH_WATCH(test_an_owner_removes_others_and_itself),
        WITH_WATCH(test_end_at_any_time),
        WITH_WATCH(test_without_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
