#include "unit.h"

#include "podop/netstring.h"

#include "fake_peer.h"
#include "fake_table.h"

#include <ev.h>
#include <sys/mman.h>
#include <unistd.h>

#define WITH_TABLES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

enum { REPLY_QUEUE_SLOTS_MAX = 64, OUT_BYTES_MAX = 256 * 1024, BIG_BYTES = 90000 };

static struct ev_loop *loop;
static struct fake_table alias, other;
static struct fake_tables tables = {{&alias, &other}, 2};
static char big[BIG_BYTES];

/* What both tables answer: the part of the key after the dash names it. A key that begins with
 * "now-" is answered at once, any other by answer(). */
static struct reply reply_of(struct span key)
{
    static const struct {
        struct span word;
        struct reply reply;
    } replies[] = {
        {TEXT("miss"), {.status = REPLY_MISS}},
        {TEXT("temporary"), {.status = REPLY_TEMPORARY, .reason = TEXT("it is down")}},
        {TEXT("timeout"), {.status = REPLY_TIMEOUT, .reason = TEXT("it is slow")}},
        {TEXT("permanent"), {.status = REPLY_PERMANENT, .reason = TEXT("it is long")}},
        {TEXT("list"),
         {.status = REPLY_FOUND, .map_value = TEXT("a,b"), .dict_value = TEXT("[\"a\",\"b\"]")}},
        {TEXT("empty"), {.status = REPLY_FOUND, .map_value = TEXT(""), .dict_value = TEXT("[]")}},
        {TEXT("nul"), {.status = REPLY_FOUND, .map_value = TEXT("a\0b"), .dict_value = TEXT("")}},
        {TEXT("big"), {.status = REPLY_FOUND, .map_value = {big, BIG_BYTES}}},
    };
    const char *dash = key.len == 0 ? NULL : memchr(key.ptr, '-', key.len);
    struct span word = dash == NULL ? key : span_skip(key, (size_t)(dash - key.ptr) + 1);

    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        if (span_equal(word, replies[i].word))
            return replies[i].reply;
    }
    return fake_found(key);
}

static bool at_once(struct span key, struct reply *reply)
{
    if (!span_starts_with(key, SPAN("now-")))
        return false;
    *reply = reply_of(key);
    return true;
}

static void answer(struct fake_table *fake, size_t n)
{
    struct reply reply = reply_of(fake->waiting[n]->key.key);

    fake_table_answer(fake, n, &reply);
}

enum order { OLDEST_FIRST, NEWEST_FIRST };

static void answer_all(enum order order)
{
    struct fake_table *const both[] = {&alias, &other};

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        while (both[i]->waiting_count > 0)
            answer(both[i], order == OLDEST_FIRST ? 0 : both[i]->waiting_count - 1);
    }
}

static void run(void)
{
    for (int i = 0; i < 2; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static int setup(void **state)
{
    static const struct table_config config = {.timeout_ms = 1000};

    (void)state;
    memset(big, 'x', sizeof(big));
    loop = ev_loop_new(EVFLAG_AUTO);
    fake_table_open(&alias, "alias", &config, loop);
    fake_table_open(&other, "other", &config, loop);
    alias.answers_at_once = other.answers_at_once = at_once;
    tables.count = 2;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    fake_table_close(&alias);
    fake_table_close(&other);
    ev_loop_destroy(loop);
    return 0;
}

static void add_netstring(struct buf *to, struct span payload)
{
    netstring_add(to, payload, SPAN(""));
}

static void send_request(struct fake_peer *peer, const char *payload)
{
    struct buf wire;

    buf_init(&wire, SIZE_MAX);
    add_netstring(&wire, span_of(payload));
    fake_peer_send(peer, buf_span(&wire));
    buf_deinit(&wire);
}

/* Takes the next reply off the peer's output. */
static void assert_reply(struct fake_peer *peer, struct span expected)
{
    struct span payload;
    size_t used;

    assert_int_equal(netstring_parse(buf_span(&peer->out), SIZE_MAX, &payload, &used), PARSE_DONE);
    if (!span_equal(payload, expected))
        fail_msg("'%.*s' instead of '%.*s'", (int)payload.len, payload.ptr, (int)expected.len,
                 expected.ptr);
    buf_drop(&peer->out, used);
}

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
    {TEXT("alias late-empty"), TEXT("NOTFOUND ")}, /* Postfix takes "OK " for an error */
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
                                      TEXT("99999999:"),
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
            assert_int_equal(peer.is_bad, over);
            assert_int_equal(alias.waiting_count, !over);
            if (!over)
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

static void test_socketmap_full_of_requests(void **state)
{
    struct fake_peer peer;
    struct buf wire, expected;

    (void)state;
    buf_init(&wire, SIZE_MAX);
    buf_init(&expected, SIZE_MAX);
    for (int i = 0; i < 3 * REPLY_QUEUE_SLOTS_MAX; i++) {
        char text[32];
        int len = snprintf(text, sizeof(text), "alias late-%d", i);

        add_netstring(&wire, (struct span){text, (size_t)len});
        netstring_add(&expected, SPAN("OK "), span_skip((struct span){text, (size_t)len}, 6));
    }
    fake_peer_open(&peer, &protocol_socketmap, &tables);
    fake_peer_send(&peer, buf_span(&wire));
    assert_false(peer.is_bad);
    assert_true(peer.in.len > 0);
    assert_int_equal(alias.waiting_count, REPLY_QUEUE_SLOTS_MAX);
    assert_true(protocol_socketmap.is_full(peer.session));
    assert_int_equal(protocol_socketmap.pending(peer.session), REPLY_QUEUE_SLOTS_MAX);
    fake_peer_feed(&peer);
    assert_int_equal(alias.waiting_count, REPLY_QUEUE_SLOTS_MAX);
    answer(&alias, 1); /* buffered until the first is answered: no room yet */
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

/* Large replies to a client that does not read: some are kept, the others looked up again. */
static void test_socketmap_postpones(void **state)
{
    static const enum order orders[] = {OLDEST_FIRST, NEWEST_FIRST};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct fake_peer peer;
        unsigned got = 0;

        alias.started = 0;
        fake_peer_open(&peer, &protocol_socketmap, &tables);
        for (int n = 0; n < REPLY_QUEUE_SLOTS_MAX; n++)
            send_request(&peer, "alias late-big");
        assert_int_equal(alias.started, REPLY_QUEUE_SLOTS_MAX);
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
        assert_int_equal(got, REPLY_QUEUE_SLOTS_MAX);
        assert_in_range(alias.started, REPLY_QUEUE_SLOTS_MAX, 2 * REPLY_QUEUE_SLOTS_MAX);
        fake_peer_close(&peer);
    }
}

/* While all clients together leave too much unread, a long reply is dropped and asked for again. */
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
    tables.count = 0; /* a reload took the table away meanwhile */
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
    for (int n = 0; n < REPLY_QUEUE_SLOTS_MAX; n++)
        send_request(&peer, "alias late-big");
    for (int n = 0; n < REPLY_QUEUE_SLOTS_MAX / 2; n++)
        answer(&alias, 0);
    fake_peer_close(&peer);
    assert_int_equal(alias.waiting_count, 0);
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
        WITH_TABLES(test_socketmap_max_request),
        WITH_TABLES(test_socketmap_max_reply),
        WITH_TABLES(test_socketmap_reasons_are_bounded),
        WITH_TABLES(test_socketmap_reads_the_service_anew),
        WITH_TABLES(test_socketmap_wakes_its_client),
        WITH_TABLES(test_socketmap_full_of_requests),
        WITH_TABLES(test_socketmap_full_of_answers),
        WITH_TABLES(test_socketmap_postpones),
        WITH_TABLES(test_socketmap_postpones_under_memory_pressure),
        WITH_TABLES(test_socketmap_close_forgets_postponed_requests),
        WITH_TABLES(test_socketmap_close_cancels),
        WITH_TABLES(test_socketmap_two_sessions),
        WITH_TABLES(test_socketmap_log),
        cmocka_unit_test(test_socketmap_claims),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
