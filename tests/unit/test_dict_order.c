#include "dict_case.h"

#include "held_clock.h"
#include "table/identity.h"

static void test_dict_in_order_without_ids(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20);
    send_lines(&peer, "Lshared/a\nLshared/b\nB1\nS1\tshared/c\td\nC1\nLshared/e\n");
    assert_int_equal(meta.waiting_count, 3);
    end_lookup(2);
    run();
    end_commit(0, REPLY_FOUND);
    end_lookup(1);
    assert_out(&peer, "");
    end_lookup(0);
    assert_out(&peer, "Oa\nOb\nO1\nOe\n");
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

static void test_dict_overtaking_with_ids(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    send_lines(&peer, "Lshared/a\tu\nLshared/b\tu\nB1\tu\nS1\tshared/c\td\nC1\nLshared/e\tu\n");
    end_lookup(1);
    assert_out(&peer, "*1\n*2\n+2\tOb\n");
    end_lookup(1);
    assert_out(&peer, "*3\n*4\n+4\tOe\n");
    end_lookup(0);
    assert_out(&peer, "+1\tOa\n");
    run();
    end_commit(0, REPLY_UNCERTAIN);
    assert_out(&peer, "+3\tW1\tso it is\n");
    send_lines(&peer, "Lshared/f\tu\n");
    end_lookup(0);
    assert_out(&peer, "Of\n"); /* in order, so it needs no id */
    fake_peer_close(&peer);
}

/* A reply that is known at once is sent in order: before the loop runs when no earlier reply is
 * pending, and after an earlier write of its key. */
static void test_dict_known_at_once(void **state)
{
    static const struct {
        const char *lines, *at_once, *later;
    } cases[] = {
        {HELLO_20 "Lshared/now1\nLshared/now2\n", "Onow1\nOnow2\n", ""},
        {HELLO_40 "Lshared/now1\tu\nLshared/a\tu\nLshared/now2\tu\n", "Onow1\n*1\n*2\n+2\tOnow2\n",
         "+1\tOa\n"},
        {HELLO_20 "Lshared/a\nLshared/now1\nLshared/now2\n", "", "Oa\nOnow1\nOnow2\n"},
        {HELLO_20 "B1\nS1\tshared/now1\tx\nC1\nLshared/now1\nLshared/now2\n", "",
         "O1\nOnow1\nOnow2\n"},
        {HELLO_40 "B1\tu\nS1\tshared/now1\tx\nC1\nLshared/now1\tu\nLshared/now1\tu\n", "",
         "O1\nOnow1\nOnow1\n"},
        {HELLO_22 "I16\t0\tshared/now1\tshared/a\tshared/now2\nLshared/now3\n",
         "*1\n+1\tOshared/now1\tnow1\n*2\n+2\tOnow3\n",
         "+1\tOshared/a\ta\n+1\tOshared/now2\tnow2\n+1\t\n"},
        {HELLO_20 "I16\tshared/now1\nI24\tshared/now2\n",
         "Oshared/now1\tnow1\n\nOshared/now2\t\n\n", ""},
    };

    (void)state;
    meta.answers_at_once = at_once;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_peer peer;

        open_peer(&peer, cases[i].lines);
        assert_out(&peer, cases[i].at_once);
        end_all(OLDEST_FIRST);
        assert_out(&peer, cases[i].later);
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

static uintptr_t stack_low, stack_high;

static bool at_once_where(struct span key, struct reply *reply)
{
    const uintptr_t here = (uintptr_t)__builtin_frame_address(0);

    stack_low = here < stack_low ? here : stack_low;
    stack_high = here > stack_high ? here : stack_high;
    return at_once(key, reply);
}

/* A long chain of parked requests that are answered at once does not recurse for each of them. */
static void test_dict_known_at_once_does_not_nest(void **state)
{
    enum { ITERATIONS = 63, PATHS = 15, STACK_BYTES_MAX = 16384 };
    struct fake_peer peer;

    (void)state;
    meta.answers_at_once = at_once_where;
    open_peer(&peer, HELLO_22 "B1\nS1\tshared/now\tx\nC1\n");
    for (int i = 0; i < ITERATIONS; i++) {
        send_lines(&peer, "I16\t0");
        for (int j = 0; j < PATHS - 1; j++)
            send_lines(&peer, "\tshared/now");
        send_lines(&peer, "\n");
    }
    stack_low = UINTPTR_MAX;
    stack_high = 0;
    end_all(OLDEST_FIRST);
    assert_int_equal(pending(&peer), 0);
    assert_in_range(stack_high - stack_low, 0, STACK_BYTES_MAX);
    fake_peer_close(&peer);
}

static void test_dict_parked_after_commits(void **state)
{
    static const struct {
        const char *line;
        bool is_parked;
    } cases[] = {
        {"Lshared/a\tbob\n", true},
        {"Lshared/ab\tbob\n", false},
        {"Lpriv/a\tbob\n", false},
        {"Lpriv/b\tbob\n", true},
        {"Lpriv/b\teve\n", false},
        {"I0\t0\tshared/\tbob\n", true},
        {"I0\t0\tshared/ab\tbob\n", false},
        {"I0\t0\tpriv/\teve\n", false},
        {"I16\t0\tshared/a\tbob\n", true},
        {"B2\tbob\nS2\tshared/a\t1\nC2\n", true},
        {"B2\teve\nU2\tshared/c\nA2\tshared/a\t1\nC2\n", true},
        {"B2\teve\nS2\tpriv/b\t1\nC2\n", false},
        {"B2\teve\nC2\n", false},
        {"B2\tbob\nS2\tshared/a\t1\nD2\n", true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct fake_peer peer;
        size_t under_way;

        open_peer(&peer, HELLO_32 "B1\tbob\nS1\tshared/a\t1\nU1\tpriv/b\nC1\n");
        assert_int_equal(committing_count, 1);
        send_lines(&peer, cases[i].line);
        run();
        under_way = committing_count + iterating_count + meta.waiting_count;
        if (under_way != (cases[i].is_parked ? 1 : 2))
            fail_msg("case %zu", i);
        end_commit(0, i % 2 == 0 ? REPLY_FOUND : REPLY_TEMPORARY);
        run();
        assert_int_equal(committing_count + iterating_count + meta.waiting_count, 1);
        end_all(OLDEST_FIRST);
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

/* Dovecot's quota dict: a C and, without waiting, an L of the same key; three times. */
static void test_dict_chain_of_commits(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    for (int i = 0; i < 3; i++)
        send_lines(&peer, "B1\tu\nS1\tpriv/q\t1\nC1\nLpriv/q\tu\n");
    for (int i = 0; i < 3; i++) {
        run();
        assert_int_equal(committing_count, i == 0);
        if (committing_count == 1)
            end_commit(0, REPLY_FOUND);
        run();
        if (i == 0)
            break;
    }
    /* A commit waits only for earlier commits, not for lookups. */
    assert_int_equal(committing_count, 1);
    assert_int_equal(meta.waiting_count, 1);
    end_lookup(0);
    end_all(OLDEST_FIRST);
    assert_out(&peer, "O1\nOq\nO1\nOq\nO1\nOq\n");
    fake_peer_close(&peer);
}

static void test_dict_parked_for_too_long(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "B1\nS1\tshared/a\t1\nC1\n");
    send_lines(&peer, "Lshared/a\nB2\nS2\tshared/a\t1\nC2\nI0\tshared/\n");
    meta.table->timeout_ms = 0;
    for (uint64_t now_ms = table_now_ms(meta.table); table_now_ms(meta.table) == now_ms;)
        ev_run(loop, EVRUN_NOWAIT); /* until the clock shows a later time than its arrival */
    end_commit(0, REPLY_FOUND);
    run();
    assert_int_equal(committing_count + iterating_count + meta.waiting_count, 0);
    assert_out(&peer, "O1\nFan earlier write took too long\nF2\tan earlier write took too long\n"
                      "Fan earlier write took too long\n");
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

enum { PARKED_TIMEOUT_MS = 1000 };

/* The time that a request was parked is a part of its table's timeout. */
static void test_dict_parked_has_what_is_left(void **state)
{
    static const char *const lines[] = {
        "Lshared/a\tbob\n",
        "I16\t0\tshared/a\tbob\n",
        "I0\t0\tshared/\tbob\n",
        "B2\tbob\nS2\tshared/a\t2\nC2\n",
    };

    (void)state;
    meta.table->timeout_ms = PARKED_TIMEOUT_MS;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct fake_peer peer;
        uint64_t deadline_at_ms;

        open_peer(&peer, HELLO_32 "B1\tbob\nS1\tshared/a\t1\nC1\n");
        held_clock_pass_ms(loop, PARKED_TIMEOUT_MS / 4);
        deadline_at_ms = table_now_ms(meta.table) + PARKED_TIMEOUT_MS;
        send_lines(&peer, lines[i]);
        held_clock_pass_ms(loop, PARKED_TIMEOUT_MS / 2);
        end_commit(0, REPLY_FOUND);
        run();
        if (meta.waiting_count == 1)
            assert_int_equal(meta.waiting[0]->deadline_at_ms, deadline_at_ms);
        else if (iterating_count == 1)
            assert_int_equal(iterating[0]->options.deadline_at_ms, deadline_at_ms);
        else
            assert_int_equal(committing[0]->deadline_at_ms, deadline_at_ms);
        end_all(OLDEST_FIRST);
        fake_peer_close(&peer);
    }
}

/* What a request waits for may last longer than its own table's timeout. */
static void test_dict_parked_until_its_time_is_over(void **state)
{
    static const char *const lines[] = {
        "Lshared/a\tbob\n",
        "I16\t0\tshared/a\tbob\n",
        "I0\t0\tshared/\tbob\n",
        "B2\tbob\nS2\tshared/a\t2\nC2\n",
    };

    (void)state;
    meta.table->timeout_ms = PARKED_TIMEOUT_MS;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct fake_peer peer;

        open_peer(&peer, HELLO_32 "B1\tbob\nS1\tshared/a\t1\nC1\n");
        send_lines(&peer, lines[i]);
        held_clock_pass_ms(loop, PARKED_TIMEOUT_MS / 2);
        assert_null(strstr(buf_string(&peer.out), "an earlier write took too long"));
        held_clock_pass_ms(loop, PARKED_TIMEOUT_MS / 2 + 50);
        assert_non_null(strstr(buf_string(&peer.out), "an earlier write took too long"));
        assert_int_equal(committing_count, 1);
        end_commit(0, REPLY_FOUND);
        run();
        assert_int_equal(committing_count + iterating_count + meta.waiting_count, 0);
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

static void test_dict_parked_for_iterations_until_its_time_is_over(void **state)
{
    struct fake_peer peer;

    (void)state;
    meta.table->timeout_ms = PARKED_TIMEOUT_MS;
    open_peer(&peer, HELLO_40);
    for (int i = 0; i < 5; i++)
        send_lines(&peer, "I0\t0\tshared/a/\tu\n");
    held_clock_pass_ms(loop, PARKED_TIMEOUT_MS + 50);
    assert_non_null(strstr(buf_string(&peer.out), "+5\tFearlier requests took too long\n"));
    assert_int_equal(iterating_count, 4);
    end_all(OLDEST_FIRST);
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

/* A transaction whose client has left is parked no longer than others. */
static void test_dict_parked_without_its_client(void **state)
{
    struct fake_peer peer;

    (void)state;
    meta.table->timeout_ms = PARKED_TIMEOUT_MS;
    open_peer(&peer, HELLO_40 "B1\tu\nS1\tshared/a\t1\nC1\nB2\tu\nS2\tshared/a\t2\nC2\n");
    fake_peer_close(&peer);
    held_clock_pass_ms(loop, PARKED_TIMEOUT_MS + 50);
    end_commit(0, REPLY_FOUND);
    run();
    assert_int_equal(committing_count, 0); /* the session is gone: the sanitizer looks for leaks */
}

/* Rows are not buffered: an iteration without an id starts at its turn. */
static void test_dict_iterations_without_ids_wait(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "Lshared/a\nI0\tshared/b/\nLshared/c\nI0\tshared/d/\n");
    run();
    assert_int_equal(iterating_count, 0);
    end_lookup(1);
    end_lookup(0);
    run();
    assert_int_equal(iterating_count, 1);
    row(0, "x", "1");
    assert_out(&peer, "Oa\nOshared/b/x\t1\n");
    end_iteration(0, REPLY_FOUND);
    assert_out(&peer, "\nOc\n");
    run();
    assert_int_equal(iterating_count, 1);
    end_iteration(0, REPLY_FOUND);
    assert_out(&peer, "\n");
    fake_peer_close(&peer);
}

static void test_dict_iterations_with_ids_mix(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40 "Lshared/a\tu\nI0\t0\tshared/b/\tu\nI0\t0\tshared/c/\tu\n");
    assert_out(&peer, "*1\n*2\n*3\n");
    run();
    assert_int_equal(iterating_count, 2);
    row(iteration_of("c/"), "x", "1");
    row(iteration_of("b/"), "y", "2");
    end_iteration(iteration_of("c/"), REPLY_FOUND);
    end_lookup(0);
    end_iteration(iteration_of("b/"), REPLY_FOUND);
    assert_out(&peer, "+3\tOshared/c/x\t1\n+2\tOshared/b/y\t2\n+3\t\n+1\tOa\n+2\t\n");
    fake_peer_close(&peer);
}

static void test_dict_few_iterations_at_a_time(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    for (int i = 0; i < 10; i++)
        send_lines(&peer, "I0\t0\tshared/a/\tu\n");
    run();
    for (size_t left = 10; left > 0; left--) {
        assert_int_equal(iterating_count, left < 4 ? left : 4);
        end_iteration(0, REPLY_FOUND);
        run();
    }
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

/* A parked request has no reference to its table, so a reload can free the old one. */
static void test_dict_parked_requests_release_their_table(void **state)
{
    struct fake_peer peer;
    unsigned refs;

    (void)state;
    open_peer(&peer, HELLO_40);
    for (int i = 0; i < 4; i++)
        send_lines(&peer, "I0\t0\tshared/a/\tu\n");
    run();
    refs = meta.table->refs;
    send_lines(&peer, "I0\t0\tshared/a/\tu\n");
    assert_int_equal(meta.table->refs, refs);
    tables.count = 0;
    peer.service.serial++;
    buf_clear(&peer.out);
    end_iteration(0, REPLY_FOUND);
    assert_non_null(strstr(buf_string(&peer.out), "no such table: meta"));
    fake_peer_close(&peer);
}

static bool identify_twice(struct table *table, const struct table_key *key, struct identity *to)
{
    struct buf bytes;

    (void)table;
    buf_init(&bytes, BUF_LIMITED_BY_INPUT);
    buf_add(&bytes, key->key);
    buf_add(&bytes, key->key);
    identity_take(to, &bytes);
    return true;
}

/* A request that comes after a reload, and whether it waits for a commit of shared/a through the
 * table from before. */
struct reloaded_case {
    const char *line;
    bool is_parked;
};

static void check_reloaded(const struct table_config *config, identify_fn *identify,
                           const struct reloaded_case *c)
{
    struct fake_table next;
    const struct fake_tables reloaded = {{&next}, 1};
    struct fake_peer peer;

    fake_table_open(&next, "meta", config, loop);
    next.ops.commit = meta.ops.commit;
    next.ops.commit_bytes = meta.ops.commit_bytes;
    next.table->env.commits = &commits;
    if (identify != NULL)
        next.table->identify = identify;
    open_peer(&peer, HELLO_32 "B1\tbob\nS1\tshared/a\t1\nC1\n");
    fake_peer_reload(&peer, &reloaded);
    send_lines(&peer, c->line);
    if (committing_count + next.waiting_count != (c->is_parked ? 1 : 2))
        fail_msg("%s", c->line);
    end_commit(0, REPLY_FOUND);
    assert_int_equal(committing_count + next.waiting_count, 1);
    if (committing_count > 0)
        end_commit(0, REPLY_FOUND);
    else
        fake_table_answer(&next, 0, &(struct reply){.status = REPLY_MISS});
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
    fake_table_close(&next);
}

/* A table from after a reload may identify keys in another way, as with another URL. Requests wait
 * for a commit of the old table all the same. */
static void test_dict_parked_after_a_commit_of_the_old_table(void **state)
{
    static const struct table_config config = {.timeout_ms = 1000000};
    static const struct reloaded_case cases[] = {
        {"Lshared/a\tbob\n", true},
        {"I16\t0\tshared/a\tbob\n", true},
        {"B2\tbob\nS2\tshared/a\t2\nC2\n", true},
        {"Lshared/b\tbob\n", false},
        {"B2\tbob\nS2\tshared/b\t2\nC2\n", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_reloaded(&config, identify_twice, &cases[i]);
}

/* The same with a table that makes another key of what the client writes: the one that the commit
 * changes. */
static void test_dict_parked_in_another_spelling_after_a_reload(void **state)
{
    static const struct table_config config = {.timeout_ms = 1000000,
                                               .key = {.fold = KEY_FOLD_ALL}};
    static const struct reloaded_case cases[] = {
        {"Lshared/A\tbob\n", true},
        {"I16\t0\tshared/A\tbob\n", true},
        {"B2\tbob\nS2\tshared/A\t2\nC2\n", true},
        {"Lshared/B\tbob\n", false},
        {"B2\tbob\nS2\tshared/B\t2\nC2\n", false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check_reloaded(&config, NULL, &cases[i]);
}

/* Its time does not count from the start of the machine. */
static void test_dict_parked_before_its_table_is_back(void **state)
{
    const struct fake_tables none = {.count = 0};
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40 "B1\tbob\nS1\tshared/a\t1\nC1\n");
    fake_peer_reload(&peer, &none);
    send_lines(&peer, "Lshared/a\tbob\n");
    fake_peer_reload(&peer, &tables);
    meta.table->timeout_ms = 1000;
    end_commit(0, REPLY_FOUND);
    run();
    assert_int_equal(meta.waiting_count, 1);
    end_lookup(0);
    assert_out(&peer, "O1\nOa\n");
    fake_peer_close(&peer);
}

/* Without ids the replies do not depend on which request ends first. */
static void test_dict_order_of_readiness(void **state)
{
    const struct span wire =
        SPAN(HELLO_20 "Lshared/a\nLshared/b\nB1\nS1\tshared/a\tx\nC1\nLshared/a\nI0\tshared/a/\n"
                      "B2\nS2\tshared/z\tx\nC2\nLshared/c\nI0\tshared/q/\nLshared/d\n");
    struct fake_peer oldest, newest;

    (void)state;
    fake_peer_open(&oldest, &protocol_dict, &tables);
    fake_peer_send(&oldest, wire);
    end_all(OLDEST_FIRST);
    fake_peer_open(&newest, &protocol_dict, &tables);
    fake_peer_send(&newest, wire);
    end_all(NEWEST_FIRST);
    assert_true(span_equal(buf_span(&oldest.out), buf_span(&newest.out)));
    assert_out(&oldest, "Oa\nOb\nO1\nOa\nOshared/a/n\tv\n\nO2\nOc\nOshared/q/n\tv\n\nOd\n");
    fake_peer_close(&oldest);
    fake_peer_close(&newest);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLE(test_dict_in_order_without_ids),
        WITH_TABLE(test_dict_overtaking_with_ids),
        WITH_TABLE(test_dict_known_at_once),
        WITH_TABLE(test_dict_known_at_once_does_not_nest),
        WITH_TABLE(test_dict_parked_after_commits),
        WITH_TABLE(test_dict_chain_of_commits),
        WITH_TABLE(test_dict_parked_for_too_long),
        WITH_TABLE(test_dict_parked_has_what_is_left),
        WITH_TABLE(test_dict_parked_until_its_time_is_over),
        WITH_TABLE(test_dict_parked_for_iterations_until_its_time_is_over),
        WITH_TABLE(test_dict_parked_without_its_client),
        WITH_TABLE(test_dict_iterations_without_ids_wait),
        WITH_TABLE(test_dict_iterations_with_ids_mix),
        WITH_TABLE(test_dict_few_iterations_at_a_time),
        WITH_TABLE(test_dict_parked_requests_release_their_table),
        WITH_TABLE(test_dict_parked_after_a_commit_of_the_old_table),
        WITH_TABLE(test_dict_parked_in_another_spelling_after_a_reload),
        WITH_TABLE(test_dict_parked_before_its_table_is_back),
        WITH_TABLE(test_dict_order_of_readiness),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
