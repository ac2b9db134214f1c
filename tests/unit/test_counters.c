/* test_counters.c - the counters of a table as JSON, and what each request adds to them. */
#include "ask_table.h"
#include "unit.h"

#include "podop/write_behind.h"

#include "fake_table.h"

#include <ev.h>

enum { LONG_MS = 3600 * 1000 };

static struct ev_loop *loop;
static struct commits commits;
static struct write_behind *wb;
static struct log quiet;
static struct fake_table fake;
static struct buf out;

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    commits = (struct commits){.first = NULL};
    wb = write_behind_new(loop, &quiet);
    buf_init(&out, 4096);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    write_behind_close(wb);
    commits_abort(&commits);
    write_behind_free(&wb);
    fake_table_close(&fake);
    buf_deinit(&out);
    ev_loop_destroy(loop);
    return 0;
}

static void open_fake(const struct table_config *config)
{
    const struct table_env env = {.loop = loop, .commits = &commits, .write_behind = wb};

    fake_table_open_in(&fake, "t", config, &env);
    table_activate(fake.table);
}

static void ignore(void *arg, const struct reply *reply)
{
    (void)arg;
    (void)reply;
}

static void ask(const char *key)
{
    ask_table(fake.table, &(struct table_key){.key = span_of(key)}, ignore, NULL);
}

static void answer(enum reply_status status)
{
    struct reply reply = fake_found(SPAN("v"));

    reply.status = status;
    fake_table_answer(&fake, 0, &reply);
}

static void set(struct transaction *t, const char *key)
{
    transaction_add(t, &(struct change){.key = {.key = span_of(key)}, .value = SPAN("v")});
    table_commit(fake.table, t, ignore, NULL);
}

/* Removes the durations, which depend on the machine. */
static void remove_duration(void)
{
    static const char name[] = ",\"duration\":[";
    char *from = strstr(buf_string(&out), name);
    const char *to = from == NULL ? NULL : strchr(from, ']');

    assert_non_null(to);
    memmove(from, to + 1, strlen(to + 1) + 1);
    out.len = strlen(out.ptr);
}

static void assert_stats(const char *expected)
{
    out.len = 0;
    table_add_stats(fake.table, &out);
    buf_string(&out);
    remove_duration();
    assert_string_equal(buf_string(&out), expected);
}

static void sum_durations(void *arg, const struct counter_set *set, const void *snapshot)
{
    uint64_t *sum = arg;

    for (size_t i = 0; i < set->count; i++) {
        struct histogram h;

        if (set->counters[i].kind != COUNTER_HISTOGRAM)
            continue;
        h = counter_histogram(&set->counters[i], snapshot);
        for (size_t j = 0; j < h.buckets; j++)
            sum[j == 0 ? 0 : 1] += h.counts[j];
    }
}

/* Asserts how many lookups have a duration, and how many of them are in the first bucket at least.
 */
static void assert_durations(uint64_t all, uint64_t first_min)
{
    uint64_t sum[2] = {0};

    table_visit_counters(fake.table, sum_durations, sum);
    assert_int_equal(sum[0] + sum[1], all);
    assert_in_range(sum[0], first_min, all);
}

static void test_counters_of_an_unused_table(void **state)
{
    (void)state;
    open_fake(&(struct table_config){.timeout_ms = LONG_MS});
    assert_stats("{\"table\":\"t\",\"type\":\"json\",\"lookups\":0,"
                 "\"answers\":{\"found\":0,\"miss\":0,\"temporary\":0,\"timeout\":0,"
                 "\"uncertain\":0,\"permanent\":0},\"joined\":0,\"fetches\":0,"
                 "\"commits\":{\"found\":0,\"miss\":0,\"temporary\":0,\"timeout\":0,"
                 "\"uncertain\":0,\"permanent\":0},\"iterations\":0}");
}

/* Each answered lookup has a duration, and a lookup that is answered at once a short one. */
static void test_counters_of_durations(void **state)
{
    const struct table_config config = {
        .timeout_ms = LONG_MS, .cache = {.ttl_ms = LONG_MS, .max_entries = 9, .max_bytes = 9999}};

    (void)state;
    open_fake(&config);
    assert_durations(0, 0);
    ask("a");
    assert_durations(0, 0);
    answer(REPLY_FOUND);
    assert_durations(1, 0);
    ask("a");
    ask("a");
    assert_durations(3, 2);
}

static void test_counters_of_lookups(void **state)
{
    const struct table_config config = {
        .timeout_ms = LONG_MS,
        .cache = {.ttl_ms = LONG_MS, .max_entries = 9, .max_bytes = 9999},
        .share = true,
    };

    (void)state;
    open_fake(&config);
    ask("a");
    ask("a"); /* joins */
    answer(REPLY_FOUND);
    ask("a"); /* cached */
    ask("b");
    answer(REPLY_TIMEOUT);
    table_clear(fake.table); /* the entry's bytes are not compared here */
    assert_stats("{\"table\":\"t\",\"type\":\"json\",\"lookups\":4,"
                 "\"answers\":{\"found\":3,\"miss\":0,\"temporary\":0,\"timeout\":1,"
                 "\"uncertain\":0,\"permanent\":0},"
                 "\"cache\":{\"fresh\":1,\"stale\":0,\"absent\":3,\"entries\":0,\"bytes\":0},"
                 "\"joined\":1,\"fetches\":2,"
                 "\"commits\":{\"found\":0,\"miss\":0,\"temporary\":0,\"timeout\":0,"
                 "\"uncertain\":0,\"permanent\":0},\"iterations\":0}");
}

static void test_counters_of_commits(void **state)
{
    struct transaction *made = transaction_new(SPAN("")), *failed = transaction_new(SPAN(""));

    (void)state;
    open_fake(&(struct table_config){.timeout_ms = LONG_MS});
    set(made, "a");
    set(failed, "b");
    fake_table_end_commit(&fake, 0, true, &(struct reply){.status = REPLY_FOUND});
    fake_table_end_commit(&fake, 0, true, &(struct reply){.status = REPLY_UNCERTAIN});
    assert_stats("{\"table\":\"t\",\"type\":\"json\",\"lookups\":0,"
                 "\"answers\":{\"found\":0,\"miss\":0,\"temporary\":0,\"timeout\":0,"
                 "\"uncertain\":0,\"permanent\":0},\"joined\":0,\"fetches\":0,"
                 "\"commits\":{\"found\":1,\"miss\":0,\"temporary\":0,\"timeout\":0,"
                 "\"uncertain\":1,\"permanent\":0},\"iterations\":0}");
    transaction_free(&made);
    transaction_free(&failed);
}

/* Only a table that has pending writes, or has had them, counts them. */
static void test_counters_of_pending_writes(void **state)
{
    struct transaction *t = transaction_new(SPAN(""));

    (void)state;
    open_fake(&(struct table_config){.timeout_ms = LONG_MS, .write_behind_ms = LONG_MS});
    assert_stats("{\"table\":\"t\",\"type\":\"json\",\"lookups\":0,"
                 "\"answers\":{\"found\":0,\"miss\":0,\"temporary\":0,\"timeout\":0,"
                 "\"uncertain\":0,\"permanent\":0},\"joined\":0,\"fetches\":0,"
                 "\"commits\":{\"found\":0,\"miss\":0,\"temporary\":0,\"timeout\":0,"
                 "\"uncertain\":0,\"permanent\":0},"
                 "\"pending\":{\"writes\":0,\"bytes\":0,\"oldest_ms\":0,\"attempts\":0,\"lost\":0},"
                 "\"iterations\":0}");
    set(t, "a");
    out.len = 0;
    table_add_stats(fake.table, &out);
    assert_non_null(strstr(buf_string(&out), "\"pending\":{\"writes\":1,\"bytes\":"));
    transaction_clear(t);
    commits_abort(&commits);
    transaction_free(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_counters_of_an_unused_table), WITH(test_counters_of_durations),
        WITH(test_counters_of_lookups),         WITH(test_counters_of_commits),
        WITH(test_counters_of_pending_writes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
