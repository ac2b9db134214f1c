#include "socketmap_case.h"

static void test_socketmap_max_request(void **state)
{
    static const struct {
        size_t max_request, longest;
    } cases[] = {{0, 64 * 1024}, {20, 20}, {100000, 100000}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t over = 0; over < 2; over++) {
            size_t len = cases[i].longest + over;
            char *text = xmalloc(len);
            struct fake_peer peer;
            struct buf wire;

            memset(text, 'k', len);
            memcpy(text, "alias ", 6);
            buf_init(&wire, SIZE_MAX);
            add_netstring(&wire, (struct span){text, len});
            fake_peer_open(&peer, &protocol_socketmap, &tables);
            peer.listen.max_request = cases[i].max_request;
            fake_peer_send(&peer, buf_span(&wire));
            assert_int_equal(alias.waiting_count, !over);
            if (over)
                assert_reply(&peer, SPAN("NOTFOUND "));
            else
                assert_int_equal(alias.waiting[0]->key.key.len, len - 6);
            fake_peer_close(&peer);
            buf_deinit(&wire);
            free(text);
        }
    }
}

/* A longer reply breaks Postfix's connection for the lookups that follow. */
static void test_socketmap_max_reply(void **state)
{
    (void)state;
    for (size_t more = 0; more < 2; more++) {
        struct fake_peer peer;

        fake_peer_open(&peer, &protocol_socketmap, &tables);
        peer.listen.max_reply = BIG_BYTES + 3 - more;
        send_request(&peer, "alias now-big");
        run();
        if (more) {
            assert_reply(&peer, SPAN("PERM table alias: the value is longer than a reply may be"));
        } else {
            assert_int_equal(peer.out.len, strlen("90003:OK ,") + BIG_BYTES);
            assert_memory_equal(peer.out.ptr, "90003:OK xxx", 12);
        }
        fake_peer_close(&peer);
    }
}

static void test_socketmap_reasons_are_bounded(void **state)
{
    char *text = xmalloc(5000);
    struct span payload;
    struct reply reply = {.status = REPLY_TEMPORARY, .reason = {text, 5000}};
    struct fake_peer peer;
    size_t used;

    (void)state;
    memset(text, 'y', 5000);
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    send_request(&peer, "alias late-x");
    fake_table_answer(&alias, 0, &reply);
    assert_int_equal(netstring_parse(buf_span(&peer.out), 500, &payload, &used), PARSE_DONE);
    assert_true(span_starts_with(payload, SPAN("TEMP yyy")));
    buf_drop(&peer.out, used);

    text[4990] = ' '; /* as a request: a table with a long name */
    text[4999] = '\0';
    send_request(&peer, text);
    assert_int_equal(netstring_parse(buf_span(&peer.out), 500, &payload, &used), PARSE_DONE);
    assert_true(span_starts_with(payload, SPAN("TEMP no such table: yyy")));
    assert_false(span_has_byte(payload, '\0'));
    fake_peer_close(&peer);
    free(text);
}

static void test_socketmap_full_of_requests(void **state)
{
    struct fake_peer peer;
    struct buf wire, expected;

    (void)state;
    buf_init(&wire, SIZE_MAX);
    buf_init(&expected, SIZE_MAX);
    for (int i = 0; i < 3 * REQUESTS_MAX; i++) {
        char text[32];
        int len = snprintf(text, sizeof(text), "alias late-%d", i);

        add_netstring(&wire, (struct span){text, (size_t)len});
        netstring_add(&expected, SPAN("OK "), span_skip((struct span){text, (size_t)len}, 6));
    }
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    fake_peer_send(&peer, buf_span(&wire));
    assert_false(peer.is_bad);
    assert_true(peer.in.len > 0);
    assert_int_equal(alias.waiting_count, REQUESTS_MAX);
    assert_true(protocol_socketmap.is_full(peer.session));
    assert_int_equal(protocol_socketmap.pending(peer.session), REQUESTS_MAX);
    fake_peer_feed(&peer);
    assert_int_equal(alias.waiting_count, REQUESTS_MAX);
    answer(&alias, 1); /* buffered until the first is answered, so there is no room yet */
    assert_true(protocol_socketmap.is_full(peer.session));
    assert_int_equal(peer.out.len, 0);
    answer(&alias, 0); /* room for two */
    assert_false(protocol_socketmap.is_full(peer.session));
    fake_peer_feed(&peer);
    assert_true(protocol_socketmap.is_full(peer.session));
    while (alias.waiting_count > 0) {
        answer_all(NEWEST_FIRST);
        fake_peer_feed(&peer);
    }
    assert_int_equal(peer.in.len, 0);
    assert_true(span_equal(buf_span(&peer.out), buf_span(&expected)));
    fake_peer_close(&peer);
    buf_deinit(&wire);
    buf_deinit(&expected);
}

static void test_socketmap_full_of_answers(void **state)
{
    static const char *const firsts[] = {"alias now-x", "alias late-x"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(firsts); i++) { /* in the output, and buffered */
        struct fake_peer peer;
        unsigned taken;

        fake_peer_open(&peer, &protocol_socketmap, &tables);
        send_request(&peer, firsts[i]);
        for (int n = 0; n < 6; n++) {
            send_request(&peer, "other now-big");
            run();
        }
        taken = other.started;
        assert_in_range(taken, OUT_BYTES_MAX / BIG_BYTES, OUT_BYTES_MAX / BIG_BYTES + 1);
        assert_true(protocol_socketmap.is_full(peer.session));
        assert_true(peer.in.len > 0);
        answer_all(OLDEST_FIRST);
        assert_true(protocol_socketmap.is_full(peer.session)); /* the client has read nothing */
        while (peer.in.len > 0) {
            buf_clear(&peer.out); /* now it has */
            assert_false(protocol_socketmap.is_full(peer.session));
            fake_peer_feed(&peer);
            run();
        }
        assert_int_equal(other.started, 6);
        other.started = 0;
        fake_peer_close(&peer);
    }
}

/* Large replies to a client that does not read: some are buffered, the others looked up again. */
static void test_socketmap_postpones(void **state)
{
    static const enum order orders[] = {OLDEST_FIRST, NEWEST_FIRST};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct fake_peer peer;
        unsigned got = 0;

        alias.started = 0;
        fake_peer_open(&peer, &protocol_socketmap, &tables);
        for (int n = 0; n < REQUESTS_MAX; n++)
            send_request(&peer, "alias late-big");
        assert_int_equal(alias.started, REQUESTS_MAX);
        answer_all(orders[i]);
        assert_int_equal(protocol_socketmap.pending(peer.session) > 0, true);
        assert_in_range(peer.out.len + protocol_socketmap.buffered_bytes(peer.session),
                        OUT_BYTES_MAX, 1024 * 1024 + 2 * BIG_BYTES);
        assert_int_equal(alias.waiting_count, 0); /* nothing is looked up before it reads */
        while (peer.out.len > 0) {
            got += (unsigned)(peer.out.len / (BIG_BYTES + strlen("90003:OK ,")));
            fake_peer_read(&peer);
            assert_in_range(alias.waiting_count, 0, 1024 * 1024 / BIG_BYTES + 1);
            answer_all(orders[i]);
        }
        assert_int_equal(got, REQUESTS_MAX);
        assert_in_range(alias.started, REQUESTS_MAX, 2 * REQUESTS_MAX);
        fake_peer_close(&peer);
    }
}

/* Under memory pressure, a long reply is dropped and looked up again. */
static void test_socketmap_postpones_under_memory_pressure(void **state)
{
    struct fake_peer peer;

    (void)state;
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    send_request(&peer, "alias late-big");
    send_request(&peer, "other late-x");
    peer.is_under_memory_pressure = true;
    send_request(&peer, "alias now-big");
    answer_all(OLDEST_FIRST);
    assert_int_equal(peer.out.len, 0);
    fake_peer_read(&peer);
    assert_int_equal(alias.waiting_count, 0);
    tables.count = 0; /* a reload has removed the table meanwhile */
    peer.service.serial++;
    peer.is_under_memory_pressure = false;
    fake_peer_read(&peer);
    assert_reply(&peer, SPAN("TEMP no such table: alias"));
    assert_reply(&peer, SPAN("OK late-x"));
    assert_reply(&peer, SPAN("TEMP no such table: alias"));
    fake_peer_close(&peer);
}

static void test_socketmap_close_forgets_postponed_requests(void **state)
{
    struct fake_peer peer;

    (void)state;
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    for (int n = 0; n < REQUESTS_MAX; n++)
        send_request(&peer, "alias late-big");
    for (int n = 0; n < REQUESTS_MAX / 2; n++)
        answer(&alias, 0);
    fake_peer_close(&peer);
    assert_int_equal(alias.waiting_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLES(test_socketmap_max_request),
        WITH_TABLES(test_socketmap_max_reply),
        WITH_TABLES(test_socketmap_reasons_are_bounded),
        WITH_TABLES(test_socketmap_full_of_requests),
        WITH_TABLES(test_socketmap_full_of_answers),
        WITH_TABLES(test_socketmap_postpones),
        WITH_TABLES(test_socketmap_postpones_under_memory_pressure),
        WITH_TABLES(test_socketmap_close_forgets_postponed_requests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
