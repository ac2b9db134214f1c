#include "dict_case.h"

static void test_dict_transaction(void **state)
{
    static const char *const hellos[] = {HELLO_20, HELLO_22, HELLO_32, HELLO_40};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hellos); i++) {
        const struct transaction *t;
        struct fake_peer peer;

        open_peer(&peer, hellos[i]);
        send_lines(&peer, "B5\tbob\t60\nT5\t12\t34\nV5\t1\nS5\tpriv/a\tx\1ty\nU5\tshared/b\n");
        run();
        assert_int_equal(committing_count, 0); /* nothing is written before the C */
        send_lines(&peer, "A5\tpriv/c\t-580\nC5\n");
        assert_int_equal(committing_count, 1);
        t = committing[0]->transaction;
        assert_string_equal(t->user, "bob");
        assert_int_equal(t->expire_s, i == 3 ? 60 : 0);
        assert_true(t->has_timestamp);
        assert_int_equal(t->timestamp_s, 12);
        assert_int_equal(t->timestamp_ns, 34);
        assert_int_equal(t->count, 3);
        assert_int_equal(t->changes[0].kind, CHANGE_SET);
        assert_true(t->changes[0].key.is_private);
        assert_true(span_equal(t->changes[0].key.user, SPAN("bob")));
        assert_true(span_equal(t->changes[0].value, SPAN("x\ty")));
        assert_int_equal(t->changes[1].kind, CHANGE_UNSET);
        assert_false(t->changes[1].key.is_private);
        assert_true(span_equal(t->changes[1].key.key, SPAN("b")));
        assert_int_equal(t->changes[2].kind, CHANGE_INCREMENT);
        assert_int_equal(t->changes[2].increment, -580);
        end_commit(0, REPLY_FOUND);
        assert_out(&peer, "O5\n");
        send_lines(&peer, "C5\n"); /* its id is free again */
        assert_out(&peer, "F5\tunknown transaction\n");
        send_lines(&peer, "B5\tbob\nR5\nB5\tbob\nC5\n");
        assert_int_equal(committing_count, 1);
        assert_int_equal(committing[0]->transaction->count, 0);
        end_commit(0, REPLY_MISS);
        assert_out(&peer, "N5\n");
        send_lines(&peer, "S9\tshared/a\tb\nU9\tshared/a\nA9\tshared/a\t1\nT9\t1\t1\nV9\t1\nR9\n");
        assert_false(peer.is_bad);
        assert_out(&peer, "");
        fake_peer_close(&peer);
    }
}

static void test_dict_transactions_interleave(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    send_lines(&peer, "B5\tbob\nS5\tpriv/a\t1\nB6\tbob\nS6\tshared/a\t2\nLshared/x\tbob\n"
                      "S5\tpriv/b\t3\nU6\tshared/b\nC6\nC5\n");
    assert_int_equal(committing_count, 2);
    assert_int_equal(committing[0]->transaction->count, 2);
    assert_false(committing[0]->transaction->changes[0].key.is_private);
    assert_true(committing[1]->transaction->changes[1].key.is_private);
    end_lookup(0);
    end_commit(1, REPLY_FOUND);
    assert_out(&peer, "Ox\n*1\n*2\n+2\tO5\n");
    end_commit(0, REPLY_TEMPORARY);
    assert_out(&peer, "+1\tF6\tso it is\n");
    fake_peer_close(&peer);
}

static void test_dict_failed_transactions(void **state)
{
    static const char *const changes[] = {"A1\tshared/a\tx\n", "A1\tshared/a\n", "S1\tpriv/a\tb\n",
                                          "U1\tx/a\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(changes); i++) {
        struct fake_peer peer;

        open_peer(&peer, HELLO_40);
        send_lines(&peer, "B1\t\nS1\tshared/good\tx\n");
        send_lines(&peer, changes[i]);
        send_lines(&peer, "S1\tshared/also\tx\nC1\n");
        assert_false(peer.is_bad);
        assert_int_equal(committing_count, 0); /* none of its changes */
        assert_true(span_starts_with(buf_span(&peer.out), SPAN("F1\t")));
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

/* A value that cannot be written: no change of its transaction is made. */
static void test_dict_values_that_cannot_be_written(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "B1\nS1\tshared/a\tb\nS1\tshared/b\tx\1"
                              "0y\nC1\nB2\nS2\tshared/a\t\xff\nC2\n");
    run();
    assert_int_equal(committing_count, 0);
    assert_true(span_starts_with(buf_span(&peer.out), SPAN("F1\ttable meta: ")));
    assert_non_null(memmem(peer.out.ptr, peer.out.len, "\nF2\ttable meta: ", 16));
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

static void test_dict_async_commit(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "Lshared/a\nB1\nS1\tshared/b\t1\nD1\nB2\nS2\tshared/c\t1\nD2\n"
                              "B3\nS3\tshared/d\t1\nD3\nD9\nLshared/b\n");
    assert_int_equal(committing_count, 3);
    assert_int_equal(meta.waiting_count, 1); /* b is being written */
    end_commit(2, REPLY_MISS);
    end_commit(1, REPLY_TEMPORARY);
    assert_out(&peer, "AF9\tunknown transaction\nAN3\nAF2\tso it is\n");
    end_commit(0, REPLY_FOUND);
    run();
    assert_out(&peer, "AO1\n");
    end_lookup(1);
    end_lookup(0);
    assert_out(&peer, "Oa\nOb\n");
    assert_int_equal(pending(&peer), 0);
    fake_peer_close(&peer);
}

/* Closing cancels lookups, iterations and open transactions; commits go on. */
static void test_dict_close_with_all_in_flight(void **state)
{
    static const char *const hellos[] = {HELLO_20, HELLO_22};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hellos); i++) {
        struct fake_peer peer;

        open_peer(&peer, hellos[i]);
        send_lines(&peer,
                   "Lshared/a\nB1\nS1\tshared/b\t1\nC1\nB2\nS2\tshared/b\t2\nC2\nLshared/b\n");
        send_lines(&peer, i == 0 ? "I0\tshared/\n" : "I0\t0\tshared/x/\n");
        send_lines(&peer,
                   "B3\nS3\tshared/c\t1\nD3\nB4\nS4\tshared/c\t1\nB5\nS5\tshared/c\t2\nD5\nC77\n");
        run();
        assert_int_equal(committing_count, 2);
        fake_peer_close(&peer);
        assert_int_equal(meta.waiting_count + iterating_count, 0);
        run();
        assert_int_equal(committing_count, 2);
        end_commit(1, REPLY_FOUND);
        run();
        assert_int_equal(committing_count, 2); /* S5 was parked for S3 */
        end_commit(0, REPLY_TEMPORARY);
        run();
        assert_int_equal(committing_count, 2); /* and S2 for S1 */
        end_commit(1, REPLY_FOUND);
        end_commit(0, REPLY_UNCERTAIN);
        assert_int_equal(committing_count, 0);
        assert_null(commits.first);
    }
}

/* A commit has ended although its reply is still buffered. */
static void test_dict_close_with_buffered_replies(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "Lshared/a\nB1\nS1\tshared/b\t1\nC1\nLshared/c\n");
    end_commit(0, REPLY_FOUND);
    end_lookup(1);
    assert_out(&peer, "");
    fake_peer_close(&peer);
    assert_int_equal(meta.waiting_count, 0);
}

static void test_dict_close_before_the_loop_runs(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40 "B1\tu\nS1\tshared/b\t\xff\nC1\nLshared/a\tu\nI0\t0\tshared/x/\tu\n");
    fake_peer_close(&peer);
    run();
    assert_int_equal(meta.waiting_count + iterating_count + committing_count, 0);
    assert_null(commits.first);
}

static void test_dict_commits_abort(void **state)
{
    struct fake_peer peer, gone;

    (void)state;
    open_peer(&peer, HELLO_20 "B1\nS1\tshared/b\t1\nC1\nB2\nS2\tshared/b\t2\nC2\nLshared/b\n");
    open_peer(&gone, HELLO_20 "B1\nS1\tshared/b\t1\nC1\nB2\nS2\tshared/b\t2\nC2\n");
    fake_peer_close(&gone);
    assert_int_equal(committing_count, 2);
    commits_abort(&commits);
    committing_count = 0;
    assert_out(&peer, "W1\tpodop stopped\nW2\tpodop stopped\n");
    fake_peer_close(&peer);
    run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLE(test_dict_transaction),
        WITH_TABLE(test_dict_transactions_interleave),
        WITH_TABLE(test_dict_failed_transactions),
        WITH_TABLE(test_dict_values_that_cannot_be_written),
        WITH_TABLE(test_dict_async_commit),
        WITH_TABLE(test_dict_close_with_all_in_flight),
        WITH_TABLE(test_dict_close_with_buffered_replies),
        WITH_TABLE(test_dict_close_before_the_loop_runs),
        WITH_TABLE(test_dict_commits_abort),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
