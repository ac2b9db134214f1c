#include "socketmap_case.h"

#include <sys/mman.h>
#include <unistd.h>

static const struct {
    struct span request, reply;
} conversation[] = {
    {TEXT("alias late-x"), TEXT("OK late-x")},
    {TEXT("alias now-x"), TEXT("OK now-x")},
    {TEXT("other late-miss"), TEXT("NOTFOUND ")},
    {TEXT("alias now-miss"), TEXT("NOTFOUND ")},
    {TEXT("alias"), TEXT("PERM bad request")},
    {TEXT(""), TEXT("PERM bad request")},
    {TEXT("alias\tnow-x"), TEXT("PERM bad request")},
    {TEXT("none now-x"), TEXT("TEMP no such table: none")},
    {TEXT(" now-x"), TEXT("TEMP no such table: ")},
    {TEXT("Alias now-x"), TEXT("TEMP no such table: Alias")},
    {TEXT("alia now-x"), TEXT("TEMP no such table: alia")},
    {TEXT("aliass now-x"), TEXT("TEMP no such table: aliass")},
    {TEXT("alias "), TEXT("NOTFOUND ")},           /* an empty key, and so an empty value */
    {TEXT("alias  late-x "), TEXT("OK  late-x ")}, /* all blanks but the first belong to the key */
    {TEXT("alias now- a  b "), TEXT("OK now- a  b ")},
    {TEXT("alias j\xc3\xb6rg@x\xff\n:,1:"), TEXT("OK j\xc3\xb6rg@x\xff\n:,1:")},
    {TEXT("alias late-temporary"), TEXT("TEMP it is down")},
    {TEXT("alias now-timeout"), TEXT("TIMEOUT it is slow")},
    {TEXT("other late-permanent"), TEXT("PERM it is long")},
    {TEXT("alias now-list"), TEXT("OK a,b")},
    {TEXT("alias late-empty"), TEXT("NOTFOUND ")}, /* Postfix treats "OK " as an error */
    {TEXT("alias now-nul"), TEXT("PERM table alias: the value has a NUL byte")},
    {TEXT("other \"\""), TEXT("OK \"\"")},
    {TEXT("alias *"), TEXT("OK *")},
};

static void add_conversation(struct buf *requests, struct buf *replies)
{
    for (size_t i = 0; i < ARRAY_LEN(conversation); i++) {
        add_netstring(requests, conversation[i].request);
        add_netstring(replies, conversation[i].reply);
    }
}

static void test_socketmap_each_request(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(conversation); i++) {
        struct fake_peer peer;
        struct buf wire;

        buf_init(&wire, SIZE_MAX);
        add_netstring(&wire, conversation[i].request);
        fake_peer_open(&peer, &protocol_socketmap, &tables);
        fake_peer_send(&peer, buf_span(&wire));
        assert_int_equal(peer.in.len, 0);
        run();
        answer_all(OLDEST_FIRST);
        assert_reply(&peer, conversation[i].reply);
        assert_int_equal(peer.out.len, 0);
        assert_int_equal(protocol_socketmap.pending(peer.session), 0);
        fake_peer_close(&peer);
        buf_deinit(&wire);
    }
}

/* The replies depend neither on the cut nor on which lookup ends first. */
static void test_socketmap_cut_anywhere(void **state)
{
    struct buf requests, replies;

    (void)state;
    buf_init(&requests, SIZE_MAX);
    buf_init(&replies, SIZE_MAX);
    add_conversation(&requests, &replies);
    for (unsigned how = 0; how < 8; how++) {
        bool runs_between = how & 1, answers_between = how & 2;
        enum order order = how & 4 ? NEWEST_FIRST : OLDEST_FIRST;

        for (size_t cut = 0; cut <= requests.len; cut++) {
            struct fake_peer peer;

            fake_peer_open(&peer, &protocol_socketmap, &tables);
            fake_peer_send(&peer, (struct span){requests.ptr, cut});
            if (runs_between)
                run();
            if (answers_between)
                answer_all(order);
            fake_peer_send(&peer, span_skip(buf_span(&requests), cut));
            assert_false(peer.is_bad);
            assert_int_equal(peer.in.len, 0);
            answer_all(order);
            run();
            assert_true(span_equal(buf_span(&peer.out), buf_span(&replies)));
            fake_peer_close(&peer);
        }
    }
    buf_deinit(&requests);
    buf_deinit(&replies);
}

static void test_socketmap_byte_by_byte(void **state)
{
    struct buf requests, replies;
    struct fake_peer peer;

    (void)state;
    buf_init(&requests, SIZE_MAX);
    buf_init(&replies, SIZE_MAX);
    add_conversation(&requests, &replies);
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    for (size_t i = 0; i < requests.len; i++) {
        fake_peer_send(&peer, (struct span){requests.ptr + i, 1});
        run();
        answer_all(OLDEST_FIRST);
    }
    assert_true(span_equal(buf_span(&peer.out), buf_span(&replies)));
    fake_peer_close(&peer);
    buf_deinit(&requests);
    buf_deinit(&replies);
}

/* Bytes that are not a request end the session; earlier requests are still answered. */
static void test_socketmap_bad_bytes_after_good_ones(void **state)
{
    static const struct span bad[] = {TEXT("x"),
                                      TEXT(":,"),
                                      TEXT("1:ab"),
                                      TEXT("3:a b;"),
                                      TEXT("\n"),
                                      TEXT("99999999999:"),
                                      TEXT("65537;"),
                                      TEXT("-1:,"),
                                      TEXT("H2\t3\t0\tuser\tdict\n"),
                                      TEXT("GET / HTTP/1.1\r\n")};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct buf wire;

        buf_init(&wire, SIZE_MAX);
        add_netstring(&wire, SPAN("alias late-x"));
        add_netstring(&wire, SPAN("alias now-x"));
        buf_add(&wire, bad[i]);
        for (size_t cut = 0; cut <= wire.len; cut++) {
            struct fake_peer peer;

            fake_peer_open(&peer, &protocol_socketmap, &tables);
            fake_peer_send(&peer, (struct span){wire.ptr, cut});
            fake_peer_send(&peer, span_skip(buf_span(&wire), cut));
            assert_true(peer.is_bad);
            assert_int_equal(protocol_socketmap.pending(peer.session), 2);
            run();
            answer_all(OLDEST_FIRST);
            assert_reply(&peer, SPAN("OK late-x"));
            assert_reply(&peer, SPAN("OK now-x"));
            assert_int_equal(peer.out.len, 0);
            fake_peer_close(&peer);
        }
        buf_deinit(&wire);
    }
}

/* A reload between two requests: the first uses the old tables, the second the new ones. */
static void test_socketmap_reads_the_service_anew(void **state)
{
    static const struct fake_tables empty = {.count = 0};
    struct fake_peer peer;

    (void)state;
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    send_request(&peer, "alias late-x");
    fake_peer_reload(&peer, &empty);
    send_request(&peer, "alias now-x");
    answer_all(OLDEST_FIRST);
    assert_reply(&peer, SPAN("OK late-x"));
    assert_reply(&peer, SPAN("TEMP no such table: alias"));
    fake_peer_close(&peer);
}

static void test_socketmap_wakes_its_client(void **state)
{
    struct fake_peer peer;

    (void)state;
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    send_request(&peer, "alias late-x");
    send_request(&peer, "alias late-y");
    send_request(&peer, "alias now-x");
    assert_int_equal(peer.wakes, 0);
    run();
    peer.wakes = 0;
    answer(&alias, 0);
    assert_int_equal(peer.wakes, 1);
    answer(&alias, 0);
    assert_int_equal(peer.wakes, 2);
    fake_peer_close(&peer);
}

static void test_socketmap_close_cancels(void **state)
{
    struct fake_peer peer;

    (void)state;
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    send_request(&peer, "alias late-1"); /* in flight */
    send_request(&peer, "alias now-2");  /* known at once, and buffered */
    send_request(&peer, "other late-3");
    send_request(&peer, "none x"); /* buffered */
    send_request(&peer, "alias late-4");
    answer(&other, 0);
    protocol_socketmap.close(&peer.session);
    assert_null(peer.session);
    protocol_socketmap.close(&peer.session); /* NULL is fine */
    assert_int_equal(alias.cancelled, 2);
    assert_int_equal(other.cancelled, 0);
    assert_int_equal(alias.waiting_count, 0);
    peer.wakes = 0;
    run();
    assert_int_equal(peer.wakes, 0);
    assert_int_equal(peer.out.len, 0);
    fake_peer_close(&peer);
}

static void test_socketmap_two_sessions(void **state)
{
    struct fake_peer a, b;

    (void)state;
    fake_peer_open(&a, &protocol_socketmap, &tables);
    fake_peer_open(&b, &protocol_socketmap, &tables);
    send_request(&a, "alias late-a");
    send_request(&b, "alias late-b");
    send_request(&a, "alias late-aa");
    fake_peer_close(&b); /* the sessions are independent */
    answer_all(NEWEST_FIRST);
    assert_reply(&a, SPAN("OK late-a"));
    assert_reply(&a, SPAN("OK late-aa"));
    fake_peer_close(&a);
}

/* Keys are logged at debug only, as one line each. */
/* Requests that are longer than max_request, between others. */
static void add_long_conversation(struct buf *requests, struct buf *replies)
{
    static const struct span keys[] = {TEXT("alias late-x"), TEXT("other now-y"),
                                       TEXT("0123456789abcdef"), TEXT("alias late-miss")};

    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        add_netstring(requests, keys[i]);
        add_netstring(requests, SPAN("alias now-ten:,5:alias,7:x"));
        add_netstring(replies, i == 0   ? SPAN("OK late-x")
                               : i == 1 ? SPAN("OK now-y")
                                        : SPAN("NOTFOUND "));
        add_netstring(replies, SPAN("NOTFOUND "));
    }
}

static void test_socketmap_long_requests_cut_anywhere(void **state)
{
    struct buf requests, replies;

    (void)state;
    buf_init(&requests, SIZE_MAX);
    buf_init(&replies, SIZE_MAX);
    add_long_conversation(&requests, &replies);
    for (size_t cut = 0; cut <= requests.len; cut++) {
        struct fake_peer peer;

        fake_peer_open(&peer, &protocol_socketmap, &tables);
        peer.listen.max_request = 15;
        fake_peer_send(&peer, (struct span){requests.ptr, cut});
        fake_peer_send(&peer, span_skip(buf_span(&requests), cut));
        assert_false(peer.is_bad);
        assert_int_equal(peer.in.len, 0);
        assert_int_equal(peer.service.long_requests, 5);
        answer_all(NEWEST_FIRST);
        run();
        if (!span_equal(buf_span(&peer.out), buf_span(&replies)))
            fail_msg("cut at %zu: '%.*s'", cut, (int)peer.out.len, peer.out.ptr);
        fake_peer_close(&peer);
    }
    buf_deinit(&requests);
    buf_deinit(&replies);
}

/* Of a request of any length, nothing is kept. */
static void test_socketmap_long_request_takes_no_memory(void **state)
{
    static const char piece[4096];
    struct fake_peer peer;

    (void)state;
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    fake_peer_send(&peer, SPAN("4096000:"));
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(peer.in.len, 0);
        assert_int_equal(protocol_socketmap.buffered_bytes(peer.session), 0);
        assert_int_equal(peer.out.len, 0);
        fake_peer_send(&peer, (struct span){piece, sizeof(piece)});
    }
    fake_peer_send(&peer, SPAN(","));
    assert_reply(&peer, SPAN("NOTFOUND "));
    send_request(&peer, "alias now-x");
    assert_reply(&peer, SPAN("OK now-x"));
    fake_peer_close(&peer);
}

static void test_socketmap_long_request_with_a_wrong_end(void **state)
{
    struct fake_peer peer;

    (void)state;
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    peer.listen.max_request = 15;
    send_request(&peer, "alias late-x");
    fake_peer_send(&peer, SPAN("16:0123456789abcdef"));
    assert_false(peer.is_bad);
    fake_peer_send(&peer, SPAN(";"));
    assert_true(peer.is_bad);
    answer_all(OLDEST_FIRST);
    assert_reply(&peer, SPAN("OK late-x"));
    assert_int_equal(peer.out.len, 0);
    fake_peer_close(&peer);
}

static void test_socketmap_log(void **state)
{
    int saved = dup(STDERR_FILENO);
    int file = memfd_create("log", MFD_CLOEXEC);
    char text[4096] = "";

    (void)state;
    for (unsigned level = LOG_LEVEL_INFO; level <= LOG_LEVEL_DEBUG; level++) {
        struct fake_peer peer;

        fake_peer_open(&peer, &protocol_socketmap, &tables);
        peer.log.level = (enum log_level)level;
        dup2(file, STDERR_FILENO);
        send_request(&peer, "alias late-x");
        send_request(&peer, "alias late-temporary");
        send_request(&peer, "alias a\nlevel=error");
        send_request(&peer, "none x");
        send_request(&peer, "bad");
        answer_all(OLDEST_FIRST);
        dup2(saved, STDERR_FILENO);
        assert_int_equal(peer.unknown_tables, 1);
        fake_peer_close(&peer);
    }
    close(saved);
    assert_true(pread(file, text, sizeof(text) - 1, 0) > 0);
    close(file);
    assert_int_equal(strncmp(text, "level=debug ", 12), 0); /* nothing at info */
    assert_non_null(strstr(text, "conn=17 proto=socketmap table=alias key=late-x status=found"));
    assert_non_null(strstr(text, "key=late-temporary status=temporary reason=\"it is down\""));
    assert_non_null(strstr(text, "key=\"a\\x0alevel=error\""));
    assert_non_null(strstr(text, "table=none key=x status=temporary"));
    assert_non_null(strstr(text, "status=permanent reason=\"bad request\" ms="));
    assert_non_null(strstr(text, "key=late-x status=found cache=off ms="));
}

static void test_socketmap_claims(void **state)
{
    (void)state;
    for (unsigned byte = 0; byte < 256; byte++) {
        bool is_digit = byte >= '0' && byte <= '9';

        assert_int_equal(protocol_socketmap.claims((char)byte), is_digit);
        assert_ptr_equal(protocol_find(MODE_POSTFIX, (char)byte),
                         is_digit ? &protocol_socketmap : NULL);
        assert_int_equal(protocol_find(MODE_AUTO, (char)byte) == &protocol_socketmap, is_digit);
        assert_ptr_not_equal(protocol_find(MODE_DOVECOT, (char)byte), &protocol_socketmap);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLES(test_socketmap_each_request),
        WITH_TABLES(test_socketmap_cut_anywhere),
        WITH_TABLES(test_socketmap_byte_by_byte),
        WITH_TABLES(test_socketmap_bad_bytes_after_good_ones),
        WITH_TABLES(test_socketmap_reads_the_service_anew),
        WITH_TABLES(test_socketmap_wakes_its_client),
        WITH_TABLES(test_socketmap_close_cancels),
        WITH_TABLES(test_socketmap_two_sessions),
        WITH_TABLES(test_socketmap_long_requests_cut_anywhere),
        WITH_TABLES(test_socketmap_long_request_takes_no_memory),
        WITH_TABLES(test_socketmap_long_request_with_a_wrong_end),
        WITH_TABLES(test_socketmap_log),
        cmocka_unit_test(test_socketmap_claims),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
