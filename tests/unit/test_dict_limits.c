#include "dict_case.h"

static void test_dict_full_of_requests(void **state)
{
    struct fake_peer peer;
    unsigned wakes;

    (void)state;
    open_peer(&peer, HELLO_20);
    for (int i = 0; i < REQUESTS_MAX + 10; i++)
        send_lines(&peer, "Lshared/a\n");
    assert_int_equal(meta.waiting_count, REQUESTS_MAX);
    assert_true(protocol_dict.is_full(peer.session));
    assert_int_equal(peer.in.len, 10 * strlen("Lshared/a\n"));
    wakes = peer.wakes;
    end_lookup(REQUESTS_MAX - 1); /* buffered, so the session is still full */
    assert_true(protocol_dict.is_full(peer.session));
    end_lookup(0);
    assert_false(protocol_dict.is_full(peer.session));
    assert_true(peer.wakes > wakes);
    while (peer.in.len > 0 || pending(&peer) > 0) {
        fake_peer_feed(&peer);
        end_all(NEWEST_FIRST);
    }
    assert_int_equal(peer.out.len, (REQUESTS_MAX + 10) * strlen("Oa\n"));
    fake_peer_close(&peer);
}

static void test_dict_full_of_async_commits(void **state)
{
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_20);
    for (int i = 0; i < REQUESTS_MAX + 10; i++)
        send_lines(&peer, "B1\nS1\tshared/a\t1\nD1\n");
    assert_true(protocol_dict.is_full(peer.session));
    assert_int_equal(committing_count, 1);
    while (peer.in.len > 0 || pending(&peer) > 0) {
        fake_peer_feed(&peer);
        end_all(OLDEST_FIRST);
    }
    assert_int_equal(peer.out.len, (REQUESTS_MAX + 10) * strlen("AO1\n"));
    fake_peer_close(&peer);
}

static void test_dict_too_many_open_transactions(void **state)
{
    struct fake_peer peer;
    char line[20];

    (void)state;
    open_peer(&peer, HELLO_40);
    for (int i = 0; i < 1024; i++) {
        snprintf(line, sizeof(line), "B%d\tu\n", i);
        send_lines(&peer, line);
    }
    assert_false(peer.is_bad);
    send_lines(&peer, "R5\nB5\tu\n");
    assert_false(peer.is_bad);
    send_lines(&peer, "B5000\tu\n");
    assert_true(peer.is_bad);
    fake_peer_close(&peer);
}

static void test_dict_too_large_open_transactions(void **state)
{
    enum { BYTES = 1000000, CHANGES = 68 };
    char *line = xmalloc(BYTES);
    struct fake_peer peer;

    (void)state;
    memset(line, 'v', BYTES);
    memcpy(line, "S1\tshared/a\t", 12);
    line[BYTES - 1] = '\n';
    open_peer(&peer, HELLO_40 "B1\tu\nB2\tu\nS2\tshared/b\tx\n");
    for (int i = 0; i < CHANGES; i++)
        fake_peer_send(&peer, (struct span){line, BYTES});
    send_lines(&peer, "C1\n");
    assert_false(peer.is_bad);
    assert_int_equal(committing_count, 0);
    assert_true(span_starts_with(buf_span(&peer.out), SPAN("F1\t")));
    buf_clear(&peer.out);
    line[1] = '2';
    fake_peer_send(&peer,
                   (struct span){line, BYTES}); /* the bytes of the failed one are free again */
    send_lines(&peer, "C2\n");
    assert_int_equal(committing_count, 1);
    end_commit(0, REPLY_FOUND);
    assert_out(&peer, "O2\n");
    fake_peer_close(&peer);
    free(line);
}

/* Also of clients that have disconnected, whose commits go on. */
static void test_dict_too_large_commits_of_all_clients(void **state)
{
    enum { ALL_BYTES = 256 * 1024 * 1024 };
    struct fake_peer peer;

    (void)state;
    open_peer(&peer, HELLO_40);
    peer.service.commit_bytes = ALL_BYTES;
    send_lines(&peer, "B1\tu\nS1\tshared/a\tx\nC1\n");
    assert_out(&peer, "F1\t"
                      "the unfinished transactions of all clients are too large\n");
    assert_int_equal(peer.service.commit_bytes, ALL_BYTES);
    peer.service.commit_bytes = 0;
    send_lines(&peer, "B2\tu\nS2\tshared/a\tx\nC2\nB3\tu\nS3\tshared/a\ty\nC3\n");
    assert_int_equal(committing_count, 1);
    assert_true(peer.service.commit_bytes > 0);
    end_commit(0, REPLY_FOUND);
    assert_int_equal(committing_count, 1);
    end_commit(0, REPLY_FOUND);
    assert_int_equal(peer.service.commit_bytes, 0);
    assert_out(&peer, "O2\nO3\n");
    fake_peer_close(&peer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLE(test_dict_full_of_requests),
        WITH_TABLE(test_dict_full_of_async_commits),
        WITH_TABLE(test_dict_too_many_open_transactions),
        WITH_TABLE(test_dict_too_large_open_transactions),
        WITH_TABLE(test_dict_too_large_commits_of_all_clients),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
