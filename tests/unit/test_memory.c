/* test_memory.c - the memory that tables of one name share, and its invalidation. */
#include "ask_table.h"
#include "unit.h"

#include "podop/disposal.h"
#include "podop/write.h"
#include "podop/write_behind.h"

#include "fake_table.h"
#include "table/memory.h"

#include <ev.h>

enum { LONG_MS = 3600 * 1000 };

static struct ev_loop *loop;
static struct commits commits;
static struct write_behind *wb;
static struct log quiet;
static struct fake_table fake, next; /* next: NULL in table unless a test opens it */

static const struct table_config cached = {
    .timeout_ms = LONG_MS,
    .cache = {.ttl_ms = LONG_MS, .negative_ttl_ms = LONG_MS, .max_entries = 100, .max_bytes = 9999},
    .share = true,
};

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void open_fake(struct fake_table *f)
{
    const struct table_env env = {.loop = loop, .commits = &commits, .write_behind = wb};

    fake_table_open_in(f, "t", &cached, &env);
}

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    commits = (struct commits){.first = NULL};
    wb = write_behind_new(loop, &quiet);
    open_fake(&fake);
    next.table = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    write_behind_free(&wb);
    fake_table_close(&fake);
    fake_table_close(&next);
    ev_loop_destroy(loop);
    return 0;
}

static const struct table_key key = {.key = TEXT("k")};

static void ignore(void *arg, const struct reply *reply)
{
    (void)arg;
    (void)reply;
}

static void ask(struct fake_table *f)
{
    assert_non_null(ask_table(f->table, &key, ignore, NULL));
}

static void answer(struct fake_table *f)
{
    const struct reply reply = fake_found(SPAN("v"));

    fake_table_answer(f, 0, &reply);
}

static void remember(struct fake_table *f)
{
    ask(f);
    answer(f);
}

static bool is_cached(struct fake_table *f)
{
    struct reply reply;
    struct table_op *op = table_lookup(f->table, &key, &reply);

    if (op == NULL)
        return reply.source == REPLY_FROM_CACHE;
    table_op_wait(op, ignore, NULL);
    table_op_cancel(&op);
    return false;
}

/* Writes a key through a table. is_sent says whether its type has sent the change. */
static void write_key(struct fake_table *f, enum reply_status status, bool is_sent)
{
    struct transaction *t = transaction_new(SPAN("bob"));

    transaction_add(t, &(struct change){.kind = CHANGE_SET, .key = key, .value = SPAN("new")});
    table_commit(f->table, t, ignore, NULL);
    fake_table_end_commit(f, 0, is_sent, &(struct reply){.status = status});
    transaction_free(&t);
}

static void test_memory_of_what_was_asked(void **state)
{
    (void)state;
    assert_false(is_cached(&fake));
    remember(&fake);
    assert_true(is_cached(&fake));
    table_drop(fake.table, &key);
    assert_false(is_cached(&fake));
    remember(&fake);
    table_clear(fake.table);
    assert_false(is_cached(&fake));
}

/* An answer that was in flight while its key was dropped or written may be outdated. */
static void test_memory_of_what_is_in_flight(void **state)
{
    (void)state;
    ask(&fake);
    table_drop(fake.table, &(struct table_key){.key = SPAN("other")});
    answer(&fake);
    assert_true(is_cached(&fake));
    table_drop(fake.table, &key);

    ask(&fake);
    table_drop(fake.table, &key);
    answer(&fake);
    assert_false(is_cached(&fake));

    ask(&fake);
    table_clear(fake.table);
    answer(&fake);
    assert_false(is_cached(&fake));

    ask(&fake);
    write_key(&fake, REPLY_FOUND, true);
    answer(&fake);
    assert_false(is_cached(&fake));
}

/* A lookup after a write does not join an outdated fetch. */
static void test_memory_joins_nothing_outdated(void **state)
{
    (void)state;
    ask(&fake);
    ask(&fake);
    assert_int_equal(fake.waiting_count, 1);
    table_drop(fake.table, &key);
    ask(&fake);
    assert_int_equal(fake.waiting_count, 2);
    ask(&fake);
    assert_int_equal(fake.waiting_count, 2); /* with the newer one */
    answer(&fake);
    assert_false(is_cached(&fake));
    answer(&fake);
    assert_true(is_cached(&fake));
}

/* A failed write invalidates what the backend may have received, and nothing else. */
static void test_memory_after_a_write(void **state)
{
    static const struct {
        enum reply_status status;
        bool is_sent, stays;
    } cases[] = {
        {REPLY_FOUND, false, false},    {REPLY_MISS, false, false},
        {REPLY_UNCERTAIN, true, false}, {REPLY_TEMPORARY, true, false},
        {REPLY_TEMPORARY, false, true}, {REPLY_PERMANENT, false, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (!is_cached(&fake))
            remember(&fake);
        write_key(&fake, cases[i].status, cases[i].is_sent);
        if (is_cached(&fake) != cases[i].stays)
            fail_msg("case %zu", i);
    }
}

static void test_memory_is_taken_over(void **state)
{
    (void)state;
    remember(&fake);
    open_fake(&next);
    table_take_over(next.table, fake.table);
    table_retire(fake.table);
    assert_true(is_cached(&next));
    fake_table_close(&fake);
    assert_true(is_cached(&next));
    table_retire(next.table);
    assert_false(is_cached(&next));
}

/* Without an equal configuration nothing is taken over. */
static void test_memory_of_a_retired_table(void **state)
{
    (void)state;
    remember(&fake);
    open_fake(&next);
    table_retire(fake.table);
    assert_false(is_cached(&next));
    assert_null(fake.table->memory->cache);
}

/* A write through one table of a name invalidates the key in all of them. */
static void test_memory_of_one_name(void **state)
{
    (void)state;
    table_activate(fake.table);
    open_fake(&next);
    table_activate(next.table);
    remember(&fake);
    remember(&next);
    write_key(&fake, REPLY_FOUND, true);
    assert_false(is_cached(&fake));
    assert_false(is_cached(&next));
    remember(&fake);
    write_key(&next, REPLY_FOUND, true);
    assert_false(is_cached(&fake));
}

/* To free the entries of a large cache at once would stop the loop. */
static void test_memory_is_cleared_in_steps(void **state)
{
    struct disposal disposal;
    struct table_env env = {.loop = loop, .commits = &commits, .disposal = &disposal};

    (void)state;
    disposal_init(&disposal, NULL, NULL);
    fake_table_open_in(&next, "t", &cached, &env);
    remember(&next);
    table_clear(next.table);
    assert_false(is_cached(&next));
    assert_non_null(disposal.first);
    while (disposal_run(&disposal))
        ;
    fake_table_close(&next);
    assert_non_null(disposal.first);
    disposal_deinit(&disposal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_memory_of_what_was_asked),
        WITH(test_memory_of_what_is_in_flight),
        WITH(test_memory_joins_nothing_outdated),
        WITH(test_memory_after_a_write),
        WITH(test_memory_is_taken_over),
        WITH(test_memory_of_a_retired_table),
        WITH(test_memory_of_one_name),
        WITH(test_memory_is_cleared_in_steps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
