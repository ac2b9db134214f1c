#include "dict_case.h"

static void test_dict_iteration(void **state)
{
    static const struct {
        const char *lines, *begin, *end;
    } cases[] = {
        {HELLO_20 "I1\tshared/a/\n", "", "\n"},
        {HELLO_22 "I1\t0\tshared/a/\n", "+1\t", "+1\t\n"},
        {HELLO_32 "I1\t0\tshared/a/\tu\n", "+1\t", "+1\t\n"},
        {HELLO_40 "I33\t0\tshared/a/\tu\n", "+1\t", "+1\t\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char expected[100];
        struct fake_peer peer;

        open_peer(&peer, cases[i].lines);
        run();
        assert_int_equal(iterating_count, 1);
        assert_true(span_equal(iterating[0]->path.key, SPAN("a/")));
        assert_true(iterating[0]->options.recurse);
        assert_false(iterating[0]->options.no_values);
        buf_clear(&peer.out); /* the announcement of an id */
        row(0, "b/c", "1\t2");
        row(0, "d", "");
        snprintf(expected, sizeof(expected), "%sOshared/a/b/c\t1\1t2\n%sOshared/a/d\t\n",
                 cases[i].begin, cases[i].begin);
        assert_out(&peer, expected);
        end_iteration(0, REPLY_FOUND);
        assert_out(&peer, cases[i].end);
        assert_int_equal(pending(&peer), 0);
        fake_peer_close(&peer);
    }
}

static void test_dict_iteration_options(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_32 "I8\t18446744073709551615\tpriv/x/\tu\n");
    run();
    assert_false(iterating[0]->options.recurse);
    assert_true(iterating[0]->options.no_values);
    assert_true(iterating[0]->options.max_rows == UINT64_MAX);
    assert_true(iterating[0]->path.is_private);
    assert_true(span_equal(iterating[0]->path.user, SPAN("u")));
    row(0, "a", "value");
    row(0, "b/c", "value"); /* without recurse, only direct children */
    end_iteration(0, REPLY_TEMPORARY);
    assert_out(&peer, "*1\n+1\tOpriv/x/a\t\n+1\tFso it is\n");
    fake_peer_close(&peer);
}

static void test_dict_exact_key(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "I16\tshared/a\nI24\tshared/a\nI16\tshared/miss\nI16\tshared/down\n");
    end_all(OLDEST_FIRST);
    assert_out(&peer, "Oshared/a\ta\n\nOshared/a\t\n\n\nFit is down\n");
    fake_peer_close(&peer);
}

/* Dovecot would cut the value at its NUL byte, so it is refused. */
static void test_dict_exact_key_with_nul(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "I16\tshared/nul\n");
    end_all(OLDEST_FIRST);
    assert_int_equal(*peer.out.ptr, 'F');
    assert_null(memmem(peer.out.ptr, peer.out.len,
                       "\1"
                       "0",
                       2));
    fake_peer_close(&peer);
}

static void test_dict_rows_wait_for_the_reader(void **state)
{
    char *value = xmalloc(60001);
    struct fake_peer peer;

    (void)state;
    memset(value, 'v', 60000);
    value[60000] = '\0';
    open_peer(&peer, HELLO_40 "I0\t0\tshared/a/\tu\n");
    run();
    for (int i = 0; i < 5; i++) {
        assert_false(iterating[0]->is_paused);
        row(0, "name", value);
    }
    assert_true(iterating[0]->is_paused);
    assert_true(protocol_dict.is_full(peer.session));
    buf_clear(&peer.out);
    protocol_dict.output_drained(peer.session);
    assert_false(iterating[0]->is_paused);
    run();
    row(0, "name", value);
    assert_false(iterating[0]->is_paused);
    end_iteration(0, REPLY_FOUND);
    fake_peer_close(&peer);
    free(value);
}

/* An iteration fails when the client reads no rows for the table's timeout. */
static void test_dict_unread_rows_fail(void **state)
{
    char *value = xmalloc(300001);
    struct fake_peer peer;

    (void)state;
    memset(value, 'v', 300000);
    value[300000] = '\0';
    meta.table->timeout_ms = 20;
    open_peer(&peer, HELLO_40 "I0\t0\tshared/a/\tu\n");
    run();
    row(0, "name", value);
    assert_true(iterating[0]->is_paused);
    protocol_dict.output_progressed(peer.session); /* the timeout starts again */
    while (iterating_count > 0)
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(pending(&peer), 0);
    assert_non_null(strstr(buf_string(&peer.out), "table meta: the client does not read its rows"));
    fake_peer_close(&peer);
    free(value);
}

/* One request for many long values that are known at once: rows wait for the client. */
static void test_dict_exact_paths_wait_for_the_reader(void **state)
{
    enum { PATHS = 14 };
    struct fake_peer peer;
    struct buf line;
    size_t got = 0;

    (void)state;
    meta.answers_at_once = big_at_once;
    open_peer(&peer, HELLO_22);
    buf_init(&line, SIZE_MAX);
    buf_add(&line, SPAN("I16\t0"));
    for (int i = 0; i < PATHS; i++)
        buf_add(&line, SPAN("\tshared/a"));
    buf_add(&line, SPAN("\n"));
    fake_peer_send(&peer, buf_span(&line));
    while (pending(&peer) > 0) {
        assert_in_range(peer.out.len, OUT_BYTES_MAX, OUT_BYTES_MAX + BIG_BYTES + 100);
        got += peer.out.len / BIG_BYTES;
        fake_peer_read(&peer);
    }
    assert_int_equal(got + peer.out.len / BIG_BYTES, PATHS);
    fake_peer_close(&peer);
    buf_deinit(&line);
    meta.answers_at_once = NULL;
}

/* Large replies to a client that does not read: some are buffered, the others looked up again. */
static void test_dict_postpones(void **state)
{
    static const char *const hellos[] = {HELLO_20, HELLO_40};
    static char value[90000];
    const struct span big = {value, sizeof(value)};

    (void)state;
    memset(value, 'v', sizeof(value));
    for (size_t i = 0; i < ARRAY_LEN(hellos); i++) {
        struct fake_peer peer;
        struct reply reply = fake_found(big);
        size_t got = 0;

        meta.started = 0;
        open_peer(&peer, hellos[i]);
        for (int n = 0; n < REQUESTS_MAX; n++)
            send_lines(&peer, i == 0 ? "Lshared/a\n" : "Lshared/a\tu\n");
        assert_int_equal(meta.waiting_count, REQUESTS_MAX);
        while (pending(&peer) > 0) {
            while (meta.waiting_count > 0)
                fake_table_answer(&meta, meta.waiting_count - 1, &reply);
            assert_in_range(peer.out.len + protocol_dict.buffered_bytes(peer.session), 1,
                            1024 * 1024 + 2 * big.len);
            got += peer.out.len / big.len;
            fake_peer_read(&peer);
        }
        assert_int_equal(got + peer.out.len / big.len, REQUESTS_MAX);
        assert_in_range(meta.started, REQUESTS_MAX, 2 * REQUESTS_MAX);
        fake_peer_close(&peer);
    }
}

/* Under memory pressure, a large reply is not buffered, although it is known at once: it is looked
 * up again later. A short one is buffered. */
static void test_dict_postpones_under_memory_pressure(void **state)
{
    struct fake_peer peer;

    (void)state;
    meta.answers_at_once = big_at_once;
    open_peer(&peer, HELLO_40);
    peer.is_under_memory_pressure = true;
    send_lines(&peer, "Lshared/a\tu\nLshared/b\tu\n");
    assert_out(&peer, "");
    assert_int_equal(pending(&peer), 2);
    fake_peer_read(&peer);
    assert_int_equal(pending(&peer), 2);
    peer.is_under_memory_pressure = false;
    fake_peer_read(&peer);
    assert_int_equal(pending(&peer), 0);
    assert_in_range(peer.out.len, 2 * BIG_BYTES, 2 * BIG_BYTES + 20);
    meta.answers_at_once = at_once;
    peer.is_under_memory_pressure = true;
    buf_clear(&peer.out);
    send_lines(&peer, "Lshared/now\tu\n");
    assert_out(&peer, "Onow\n");
    fake_peer_close(&peer);
    meta.answers_at_once = NULL;
}

/* Dovecot would cut such a path at its NUL byte, so a row cannot contain it. */
static void test_dict_path_with_nul(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20 "I0\tshared/a\1"
                              "0b\n");
    assert_out(&peer, "Fthe path has a NUL byte, which a row cannot contain\n");
    fake_peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLE(test_dict_iteration),
        WITH_TABLE(test_dict_iteration_options),
        WITH_TABLE(test_dict_exact_key),
        WITH_TABLE(test_dict_exact_key_with_nul),
        WITH_TABLE(test_dict_rows_wait_for_the_reader),
        WITH_TABLE(test_dict_unread_rows_fail),
        WITH_TABLE(test_dict_exact_paths_wait_for_the_reader),
        WITH_TABLE(test_dict_postpones),
        WITH_TABLE(test_dict_postpones_under_memory_pressure),
        WITH_TABLE(test_dict_path_with_nul),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
