/* test_write_behind.c - pending writes of one server: which are accepted, when and through which
 * table they are made, repeated and given up, and which transactions wait for them. */
#include "unit.h"

#include "podop/deadline.h"
#include "podop/write.h"
#include "podop/write_behind.h"

#include "fake_table.h"
#include "held_clock.h"
#include "table/table_writes.h"

#include <ev.h>

enum { LONG_MS = 3600 * 1000, TURNS_MAX = 1000 };

static struct ev_loop *loop;
static struct commits commits;
static struct write_behind *wb;
static struct log quiet;
static struct fake_table fake, next,
    folded; /* the others: NULL in table unless a test opens them */

static const struct table_config pending_config = {.timeout_ms = LONG_MS,
                                                   .write_behind_ms = LONG_MS};

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void open_fake(struct fake_table *f, const struct table_config *config)
{
    const struct table_env env = {.loop = loop, .commits = &commits, .write_behind = wb};

    fake_table_open_in(f, "t", config, &env);
    table_activate(f->table);
}

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    commits = (struct commits){.first = NULL};
    wb = write_behind_new(loop, &quiet);
    open_fake(&fake, &pending_config);
    next.table = folded.table = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    write_behind_close(wb);
    commits_abort(&commits);
    write_behind_free(&wb);
    fake_table_close(&folded);
    fake_table_close(&fake);
    fake_table_close(&next);
    service_clock_release(loop);
    ev_loop_destroy(loop);
    return 0;
}

/* One transaction, and its reply. */
struct writer {
    struct transaction *t;
    unsigned replies;
    enum reply_status status;
    enum reply_source source;
    char reason[64];
};

static void on_done(void *arg, const struct reply *reply)
{
    struct writer *w = arg;

    w->replies++;
    w->status = reply->status;
    w->source = reply->source;
    snprintf(w->reason, sizeof(w->reason), "%.*s", (int)reply->reason.len, reply->reason.ptr);
    transaction_free(&w->t);
}

static void begin(struct writer *w)
{
    *w = (struct writer){.t = transaction_new(SPAN("bob"))};
}

static void add(struct writer *w, enum change_kind kind, const char *key, const char *value)
{
    transaction_add(w->t, &(struct change){.kind = kind,
                                           .key = {.key = span_of(key)},
                                           .value = span_of(value),
                                           .increment = 1});
}

static void commit(struct writer *w)
{
    table_commit(fake.table, w->t, on_done, w);
}

static void commit_one(struct writer *w, enum change_kind kind, const char *key, const char *value)
{
    begin(w);
    add(w, kind, key, value);
    commit(w);
}

/* Runs what is due now, and nothing that is due later. */
static void run_due(void)
{
    for (int i = 0; i < 5; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static void run_until(const size_t *count, size_t wanted)
{
    for (int i = 0; i < TURNS_MAX && *count != wanted; i++)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(*count, wanted);
}

static void set(const char *key, const char *value)
{
    struct writer w;

    commit_one(&w, CHANGE_SET, key, value);
    run_due();
    assert_int_equal(w.replies, 1);
    assert_int_equal(w.status, REPLY_FOUND);
    assert_int_equal(w.source, REPLY_PENDING);
}

static void assert_commit(size_t n, enum change_kind kind, const char *key, const char *value)
{
    const struct transaction *t = fake.commits[n]->transaction;

    assert_true(n < fake.commit_count);
    assert_int_equal(t->count, 1);
    assert_int_equal(t->changes[0].kind, kind);
    assert_true(span_equal(t->changes[0].key.key, span_of(key)));
    if (kind == CHANGE_SET)
        assert_true(span_equal(t->changes[0].value, span_of(value)));
}

static void end_commit(struct fake_table *f, enum reply_status status, bool is_sent)
{
    const struct reply reply = {.status = status,
                                .reason = status == REPLY_FOUND ? SPAN("") : SPAN("no luck")};

    fake_table_end_commit(f, 0, is_sent, &reply);
}

static void assert_answer(const char *key, enum reply_status status, const char *value)
{
    struct reply reply;

    assert_null(table_lookup(fake.table, &(struct table_key){.key = span_of(key)}, &reply));
    assert_int_equal(reply.status, status);
    assert_int_equal(reply.source, REPLY_PENDING);
    assert_true(span_equal(reply.dict_value, span_of(value)));
}

static void test_write_behind_answers_before_it_writes(void **state)
{
    struct writer unset;

    (void)state;
    assert_true(write_behind_is_empty(wb));
    set("k", "1");
    set("k", "2");
    assert_answer("k", REPLY_FOUND, "2");
    commit_one(&unset, CHANGE_UNSET, "gone", "");
    run_due();
    assert_answer("gone", REPLY_MISS, "");
    assert_int_equal(fake.commit_count, 0);
    assert_false(write_behind_is_empty(wb));
}

/* Of several values of a key, only the last one is written, once. */
static void test_write_behind_writes_the_last_value(void **state)
{
    (void)state;
    set("k", "1");
    set("k", "2");
    write_behind_stop(wb);
    run_until(&fake.commit_count, 1);
    assert_commit(0, CHANGE_SET, "k", "2");
    assert_answer("k", REPLY_FOUND, "2"); /* not known to be written yet */
    end_commit(&fake, REPLY_FOUND, true);
    run_due();
    assert_int_equal(fake.commit_count, 0);
    assert_true(write_behind_is_empty(wb));
}

/* An increment, a value that is too large, or a table without write_behind: written at once. */
static void test_write_behind_is_not_for_all(void **state)
{
    enum { LARGE = 64 * 1024 + 1 };
    char *large = xmalloc(LARGE + 1);
    struct writer increment, too_large;

    (void)state;
    memset(large, 'x', LARGE);
    large[LARGE] = '\0';
    commit_one(&increment, CHANGE_INCREMENT, "n", "");
    assert_commit(0, CHANGE_INCREMENT, "n", "");
    end_commit(&fake, REPLY_FOUND, true);
    commit_one(&too_large, CHANGE_SET, "k", large);
    assert_commit(0, CHANGE_SET, "k", large);
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(increment.replies, 1);
    assert_int_equal(increment.source, REPLY_NOT_LOOKED_UP);
    assert_int_equal(too_large.replies, 1);
    assert_true(write_behind_is_empty(wb));
    free(large);
}

/* A transaction makes the pending writes of its keys due, and is sent after them. */
static void test_write_behind_transaction_waits(void **state)
{
    struct writer w;

    (void)state;
    set("a", "1");
    set("b", "1");
    set("other", "1");
    begin(&w);
    add(&w, CHANGE_INCREMENT, "a", "");
    add(&w, CHANGE_INCREMENT, "b", "");
    add(&w, CHANGE_INCREMENT, "a", "");
    commit(&w);
    run_until(&fake.commit_count, 2);
    assert_commit(0, CHANGE_SET, "a", "1");
    assert_commit(1, CHANGE_SET, "b", "1");
    end_commit(&fake, REPLY_FOUND, true);
    run_due();
    assert_int_equal(fake.commit_count, 1); /* b is not written yet */
    end_commit(&fake, REPLY_FOUND, true);
    run_until(&fake.commit_count, 1);
    assert_int_equal(fake.commits[0]->transaction->count, 3);
    assert_int_equal(w.replies, 0);
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(w.replies, 1);
    assert_int_equal(w.status, REPLY_FOUND);
    assert_answer("other", REPLY_FOUND, "1");
}

static void test_write_behind_transaction_fails_with_the_write(void **state)
{
    struct writer w;

    (void)state;
    set("a", "1");
    commit_one(&w, CHANGE_INCREMENT, "a", "");
    run_until(&fake.commit_count, 1);
    end_commit(&fake, REPLY_TEMPORARY, true);
    run_due();
    assert_int_equal(w.replies, 1);
    assert_int_equal(w.status, REPLY_TEMPORARY);
    assert_string_equal(w.reason, "no luck");
    assert_int_equal(fake.commit_count, 0);
    assert_answer("a", REPLY_FOUND, "1"); /* it is tried again */
}

/* The wait counts towards the timeout of the transaction, which is not sent after that. */
static void test_write_behind_transaction_waits_not_for_ever(void **state)
{
    static const struct table_config config = {.timeout_ms = 1000, .write_behind_ms = LONG_MS};
    struct writer first, second;

    (void)state;
    fake_table_close(&fake);
    open_fake(&fake, &config);
    set("a", "1");
    commit_one(&first, CHANGE_INCREMENT, "a", "");
    run_until(&fake.commit_count, 1); /* the backend hangs */
    held_clock_pass_ms(loop, 600);
    commit_one(&second, CHANGE_INCREMENT, "a", "");
    assert_int_equal(first.replies, 0);
    held_clock_pass_ms(loop, 600);
    assert_int_equal(first.replies, 1);
    assert_int_equal(first.status, REPLY_TIMEOUT);
    assert_int_equal(second.replies, 0);
    end_commit(&fake, REPLY_FOUND, true);
    run_until(&fake.commit_count, 1);
    assert_commit(0, CHANGE_INCREMENT, "a", "");
    assert_true(fake.commits[0]->deadline_at_ms < service_now_ms(loop) + 500); /* what is left */
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(second.replies, 1);
    assert_int_equal(fake.commit_count, 0);
    assert_int_equal(first.replies, 1);
}

/* A write of a key for which a transaction is queued waits for that transaction. */
static void test_write_behind_transactions_in_order(void **state)
{
    struct writer first, second, third;

    (void)state;
    set("a", "1");
    commit_one(&first, CHANGE_INCREMENT, "a", "");
    commit_one(&second, CHANGE_SET, "a", "2");
    begin(&third);
    add(&third, CHANGE_INCREMENT, "b", "");
    add(&third, CHANGE_UNSET, "a", "");
    commit(&third);
    run_until(&fake.commit_count, 1);
    assert_commit(0, CHANGE_SET, "a", "1");
    end_commit(&fake, REPLY_FOUND, true);
    run_until(&fake.commit_count, 1);
    assert_commit(0, CHANGE_INCREMENT, "a", "");
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(first.replies, 1);
    run_until(&fake.commit_count, 1);
    assert_commit(0, CHANGE_SET, "a", "2");
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(second.replies, 1);
    run_until(&fake.commit_count, 1);
    assert_int_equal(fake.commits[0]->transaction->count, 2);
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(third.replies, 1);
    assert_true(write_behind_is_empty(wb));
}

/* A write that the backend refuses permanently is lost; any other failed write is repeated. */
static void test_write_behind_loses_only_what_is_hopeless(void **state)
{
    (void)state;
    set("bad", "1");
    set("good", "1");
    write_behind_stop(wb);
    run_until(&fake.commit_count, 2);
    assert_commit(0, CHANGE_SET, "bad", "1");
    end_commit(&fake, REPLY_PERMANENT, true);
    assert_int_equal(fake.table->writes->lost, 1);
    end_commit(&fake, REPLY_UNCERTAIN, true);
    assert_int_equal(fake.table->writes->lost, 1);
    write_behind_stop(wb); /* due now, instead of after a pause */
    run_until(&fake.commit_count, 1);
    assert_commit(0, CHANGE_SET, "good", "1");
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(fake.table->writes->attempts, 3);
    assert_true(write_behind_is_empty(wb));
}

/* Losses after the first are logged when the next line is due, though nothing else happens. */
static void test_write_behind_logs_all_losses(void **state)
{
    struct table_writes *w = fake.table->writes;

    (void)state;
    set("a", "1");
    set("b", "1");
    write_behind_stop(wb);
    run_until(&fake.commit_count, 2);
    end_commit(&fake, REPLY_PERMANENT, true);
    assert_int_equal(w->lost_unlogged, 0);
    w->lost_logged.logged_at_ms -= LOG_INTERVAL_MS - 50;
    end_commit(&fake, REPLY_PERMANENT, true);
    assert_int_equal(w->lost_unlogged, 1);
    for (int i = 0; i < TURNS_MAX && w->lost_unlogged > 0; i++)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(w->lost_unlogged, 0);
    assert_int_equal(w->lost, 2);
}

/* After a reload, the new table of the name makes the pending writes. */
static void test_write_behind_outlives_its_table(void **state)
{
    bool is_closed = false;

    (void)state;
    set("k", "1");
    fake.is_closed = &is_closed;
    open_fake(&next, &pending_config);
    table_retire(fake.table);
    fake_table_close(&fake);
    assert_true(is_closed);
    run_until(&next.commit_count, 1); /* at once, because its settings may differ */
    end_commit(&next, REPLY_FOUND, true);
    assert_true(write_behind_is_empty(wb));
}

/* After a reload that folds keys, the older value of two that became one key must not be written
 * over the newer one, which was under way. */
static void test_write_behind_of_keys_that_become_one(void **state)
{
    struct table_config folding = pending_config;

    (void)state;
    folding.key.fold = KEY_FOLD_ALL;
    set("K", "old");
    set("k", "new");
    open_fake(&next, &pending_config);
    run_until(&next.commit_count, 2);
    end_commit(&next, REPLY_TEMPORARY, true); /* K, which is tried again later */
    open_fake(&folded, &folding);
    end_commit(&next, REPLY_FOUND, true);
    run_due();
    assert_int_equal(folded.commit_count, 0);
    assert_true(write_behind_is_empty(wb));
}

/* A further reload makes them two again: each has its own last value. */
static void test_write_behind_of_keys_that_were_one(void **state)
{
    struct table_config folding = pending_config;

    (void)state;
    folding.key.fold = KEY_FOLD_ALL;
    set("K", "old");
    set("k", "new");
    open_fake(&folded, &folding);
    open_fake(&next, &pending_config);
    run_until(&next.commit_count, 2);
    assert_true(span_equal(next.commits[0]->transaction->changes[0].value, SPAN("old")));
    assert_true(span_equal(next.commits[1]->transaction->changes[0].value, SPAN("new")));
    end_commit(&next, REPLY_FOUND, true);
    end_commit(&next, REPLY_FOUND, true);
    run_due();
    assert_int_equal(folded.commit_count, 0);
    assert_true(write_behind_is_empty(wb));
}

/* The same while both are under way: the older one is not tried again, and no lookup finds it. */
static void test_write_behind_of_keys_that_become_one_under_way(void **state)
{
    const struct reply failure = {.status = REPLY_TEMPORARY, .reason = SPAN("no luck")};
    struct table_config folding = pending_config;
    struct identity id;

    (void)state;
    folding.key.fold = KEY_FOLD_ALL;
    set("K", "old");
    set("k", "new");
    open_fake(&next, &pending_config);
    run_until(&next.commit_count, 2);
    open_fake(&folded, &folding);
    fake_table_end_commit(&next, 1, true, &(struct reply){.status = REPLY_FOUND});
    identity_of(&id, folded.table, &(struct table_key){.key = SPAN("k")});
    assert_null(table_writes_find(folded.table->writes, folded.table,
                                  &(struct table_key){.key = SPAN("k")}, &id));
    identity_free(&id);
    fake_table_end_commit(&next, 0, true, &failure);
    run_due();
    assert_int_equal(folded.commit_count, 0);
    assert_true(write_behind_is_empty(wb));
}

/* The same while a transaction waits for the older write, which is under way: the newer value is
 * written after it. */
static void test_write_behind_newer_than_a_write_that_is_waited_for(void **state)
{
    struct table_config folding = pending_config;
    struct writer waiting;

    (void)state;
    folding.key.fold = KEY_FOLD_ALL;
    set("K", "1");
    commit_one(&waiting, CHANGE_INCREMENT, "K", "");
    run_until(&fake.commit_count, 1);
    set("k", "2");
    open_fake(&folded, &folding);
    run_due();
    assert_int_equal(folded.commit_count, 0);
    end_commit(&fake, REPLY_TEMPORARY, true);
    run_due();
    assert_int_equal(waiting.status, REPLY_TEMPORARY);
    write_behind_stop(wb);
    run_until(&folded.commit_count, 1);
    assert_true(span_equal(folded.commits[0]->transaction->changes[0].value, SPAN("2")));
    end_commit(&folded, REPLY_FOUND, true);
    run_due();
    assert_int_equal(folded.commit_count, 0);
    assert_true(write_behind_is_empty(wb));
}

/* The same with transactions that wait for both keys: they are made after the newer value, one
 * after the other. */
static void test_write_behind_newer_than_a_write_of_a_queue(void **state)
{
    struct table_config folding = pending_config;
    struct writer first, both, last;

    (void)state;
    folding.key.fold = KEY_FOLD_ALL;
    set("K", "1");
    commit_one(&first, CHANGE_INCREMENT, "K", "");
    run_until(&fake.commit_count, 1);
    set("k", "2");
    begin(&both);
    add(&both, CHANGE_INCREMENT, "K", "");
    add(&both, CHANGE_INCREMENT, "k", "");
    commit(&both);
    commit_one(&last, CHANGE_INCREMENT, "k", "");
    open_fake(&folded, &folding);
    run_due();
    assert_int_equal(folded.commit_count, 0);
    end_commit(&fake, REPLY_FOUND, true);
    run_until(&folded.commit_count, 1);
    assert_true(span_equal(folded.commits[0]->transaction->changes[0].value, SPAN("2")));
    assert_int_equal(fake.commit_count, 0);
    end_commit(&folded, REPLY_FOUND, true);
    run_until(&fake.commit_count, 1);
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(first.status, REPLY_FOUND);
    run_until(&fake.commit_count, 1);
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(both.status, REPLY_FOUND);
    assert_int_equal(last.replies, 0);
    run_until(&fake.commit_count, 1);
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(last.status, REPLY_FOUND);
    run_due();
    assert_true(write_behind_is_empty(wb));
}

/* The same while the older value is not under way yet: it is dropped. */
static void test_write_behind_newer_than_a_value_that_is_waited_for(void **state)
{
    struct table_config folding = pending_config;
    struct writer waiting;

    (void)state;
    folding.key.fold = KEY_FOLD_ALL;
    set("K", "1");
    set("k", "2");
    commit_one(&waiting, CHANGE_INCREMENT, "K", "");
    open_fake(&folded, &folding);
    run_until(&fake.commit_count, 1);
    assert_int_equal(fake.commits[0]->transaction->changes[0].kind, CHANGE_INCREMENT);
    run_until(&folded.commit_count, 1);
    assert_true(span_equal(folded.commits[0]->transaction->changes[0].value, SPAN("2")));
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(waiting.status, REPLY_FOUND);
    set("k", "3"); /* through the new entry, which is not superseded */
    end_commit(&folded, REPLY_TEMPORARY, true);
    write_behind_stop(wb);
    run_until(&folded.commit_count, 1);
    assert_true(span_equal(folded.commits[0]->transaction->changes[0].value, SPAN("3")));
    end_commit(&folded, REPLY_FOUND, true);
    assert_true(write_behind_is_empty(wb));
}

/* A table whose name was removed makes its pending writes, and accepts no new ones. */
static void test_write_behind_of_a_name_that_is_gone(void **state)
{
    struct writer w;

    (void)state;
    set("k", "1");
    table_retire_name(fake.table);
    run_until(&fake.commit_count, 1);
    commit_one(&w, CHANGE_SET, "new", "1");
    assert_int_equal(fake.commit_count, 2);
    end_commit(&fake, REPLY_FOUND, true);
    end_commit(&fake, REPLY_FOUND, true);
    assert_int_equal(w.replies, 1);
    assert_int_equal(w.source, REPLY_NOT_LOOKED_UP);
    assert_true(write_behind_is_empty(wb));
}

/* Writes that are pending or under way when write-behind is freed count as lost. */
static void test_write_behind_counts_what_is_left(void **state)
{
    (void)state;
    set("a", "1");
    write_behind_stop(wb);
    run_until(&fake.commit_count, 1);
    write_behind_close(wb);
    commits_abort(&commits);
    assert_int_equal(fake.commit_count, 0);
    write_behind_free(&wb);
    assert_null(wb);
    assert_int_equal(fake.table->writes->lost, 1);
    assert_string_equal(fake.table->writes->last_reason, "podop stopped");
    wb = write_behind_new(loop, &quiet);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_write_behind_answers_before_it_writes),
        WITH(test_write_behind_writes_the_last_value),
        WITH(test_write_behind_is_not_for_all),
        WITH(test_write_behind_transaction_waits),
        WITH(test_write_behind_transaction_fails_with_the_write),
        WITH(test_write_behind_transaction_waits_not_for_ever),
        WITH(test_write_behind_transactions_in_order),
        WITH(test_write_behind_loses_only_what_is_hopeless),
        WITH(test_write_behind_outlives_its_table),
        WITH(test_write_behind_of_keys_that_become_one),
        WITH(test_write_behind_of_keys_that_were_one),
        WITH(test_write_behind_of_keys_that_become_one_under_way),
        WITH(test_write_behind_newer_than_a_write_that_is_waited_for),
        WITH(test_write_behind_newer_than_a_write_of_a_queue),
        WITH(test_write_behind_newer_than_a_value_that_is_waited_for),
        WITH(test_write_behind_of_a_name_that_is_gone),
        WITH(test_write_behind_logs_all_losses),
        WITH(test_write_behind_counts_what_is_left),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
