#include "unit.h"

#include "fake_peer.h"
#include "fake_table.h"

#include "podop/json_object.h"

#include <ev.h>

#define WITH_TABLES(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

enum { EXPLANATIONS_MAX = 4 };

static struct ev_loop *loop;
static struct fake_table alias, cached;
static struct fake_tables tables = {{&alias, &cached}, 2};
static struct fake_peer peer;
static bool reload_fails;

static struct list reload_requests;

static void fake_reload(void *arg, struct reload_request *request)
{
    assert_ptr_equal(arg, &reload_fails);
    list_append(&reload_requests, &request->node);
}

static void end_reloads(void)
{
    struct list_node *node;

    while ((node = list_pop(&reload_requests)) != NULL) {
        const struct reload_request *request = CONTAINER_OF(node, struct reload_request, node);

        if (reload_fails) {
            request->report(request->arg, "podop.conf:1: \"x\"");
            request->report(request->arg, "podop.conf:2: \xff");
        }
        request->done(request->arg, reload_fails ? -1 : 0);
    }
}

static void fake_stats(void *arg, struct buf *out)
{
    assert_ptr_equal(arg, &reload_fails);
    json_add_number(out, "pid", 17);
}

static const struct admin admin = {&reload_fails, fake_reload, fake_stats};

static struct reply reply_of(struct span key)
{
    static const struct {
        struct span word;
        struct reply reply;
    } replies[] = {
        {TEXT("miss"), {.status = REPLY_MISS}},
        {TEXT("temporary"), {.status = REPLY_TEMPORARY, .reason = TEXT("it is down")}},
        {TEXT("list"),
         {.status = REPLY_FOUND, .map_value = TEXT("a,b"), .dict_value = TEXT("[\"a\",\"b\"]")}},
        {TEXT("empty"), {.status = REPLY_FOUND, .map_value = TEXT(""), .dict_value = TEXT("[]")}},
        {TEXT("bytes"),
         {.status = REPLY_FOUND, .map_value = TEXT("\xff"), .dict_value = TEXT("\x01")}},
    };

    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        if (span_equal(key, replies[i].word))
            return replies[i].reply;
    }
    return fake_found(key);
}

static bool at_once(struct span key, struct reply *reply)
{
    *reply = reply_of(key);
    return !span_starts_with(key, SPAN("late"));
}

static void answer(struct fake_table *fake, size_t n)
{
    struct reply reply = reply_of(fake->waiting[n]->key.key);

    fake_table_answer(fake, n, &reply);
}

static void run(void)
{
    for (int i = 0; i < 2; i++)
        ev_run(loop, EVRUN_NOWAIT);
    end_reloads();
}

static int setup(void **state)
{
    static const struct table_config config = {.timeout_ms = 1000};
    static const struct table_config caching = {
        .timeout_ms = 1000,
        .share = true,
        .cache = {.ttl_ms = 1000000, .max_entries = 10, .max_bytes = 10000},
    };

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    fake_table_open(&alias, "alias", &config, loop);
    fake_table_open(&cached, "cached", &caching, loop);
    alias.answers_at_once = cached.answers_at_once = at_once;
    reload_fails = false;
    list_init(&reload_requests);
    fake_peer_open(&peer, &protocol_control, &tables);
    peer.service.admin = &admin;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (peer.session != NULL)
        fake_peer_close(&peer);
    fake_table_close(&alias);
    fake_table_close(&cached);
    ev_loop_destroy(loop);
    return 0;
}

static void assert_out(struct span expected)
{
    const struct span out = buf_span(&peer.out);

    if (!span_equal(out, expected))
        fail_msg("'%.*s' instead of '%.*s'", (int)out.len, out.ptr, (int)expected.len,
                 expected.ptr);
    buf_clear(&peer.out);
}

#define OFF ",\"notes\":[[\"cache\",\"off\"]]}\n"
#define NO_ORDER "{\"ok\":false,\"error\":\"a request is a JSON object with a 'command'\"}\n"

static const struct {
    struct span request, answer;
} conversation[] = {
    {TEXT("{\"command\":\"explain\",\"table\":\"alias\",\"key\":\"x\"}\n"),
     TEXT("{\"ok\":true,\"status\":\"found\",\"postfix\":\"x\",\"dovecot\":\"x\"" OFF)},
    {TEXT("{\"key\": \"list\", \"table\": \"alias\", \"command\": \"explain\"} \r\n"),
     TEXT("{\"ok\":true,\"status\":\"found\",\"postfix\":\"a,b\",\"dovecot\":\"[\\\"a\\\","
          "\\\"b\\\"]\"" OFF)},
    {TEXT("{\"command\":\"explain\",\"table\":\"alias\",\"key\":\"empty\"}\n"),
     TEXT("{\"ok\":true,\"status\":\"found\",\"dovecot\":\"[]\"" OFF)},
    {TEXT("{\"command\":\"explain\",\"table\":\"alias\",\"key\":\"bytes\"}\n"),
     TEXT("{\"ok\":true,\"status\":\"found\",\"postfix\":\"\xef\xbf\xbd\",\"dovecot\":"
          "\"\\u0001\"" OFF)},
    {TEXT("{\"command\":\"explain\",\"table\":\"alias\",\"key\":\"miss\"}\n"),
     TEXT("{\"ok\":true,\"status\":\"miss\"" OFF)},
    {TEXT("{\"command\":\"explain\",\"table\":\"alias\",\"key\":\"temporary\"}\n"),
     TEXT("{\"ok\":true,\"status\":\"temporary\",\"reason\":\"it is down\"" OFF)},
    {TEXT("{\"command\":\"explain\",\"table\":\"alias\"}\n"),
     TEXT("{\"ok\":false,\"error\":\"'key' is missing\"}\n")},
    {TEXT("{\"command\":\"explain\",\"table\":\"none\",\"key\":\"x\"}\n"),
     TEXT("{\"ok\":false,\"error\":\"no such table: none\"}\n")},
    {TEXT("{\"command\":\"explain\",\"table\":\"alias\",\"key\":\"x\",\"user\":\"\"}\n"),
     TEXT("{\"ok\":false,\"error\":\"'user' is empty or has a NUL byte\"}\n")},
    {TEXT("{\"command\":\"flush\",\"table\":\"cached\"}\n"), TEXT("{\"ok\":true}\n")},
    {TEXT("{\"command\":\"flush\",\"table\":\"alias\",\"key\":\"x\"}\n"), TEXT("{\"ok\":true}\n")},
    {TEXT("{\"command\":\"stats\"}\n"), TEXT("{\"ok\":true,\"pid\":17}\n")},
    {TEXT("{\"command\":\"reload\"}\n"), TEXT("{\"ok\":true}\n")},
    {TEXT("{\"command\":\"dance\"}\n"),
     TEXT("{\"ok\":false,\"error\":\"no such command: dance\"}\n")},
    {TEXT("{\"command\":[\"stats\"]}\n"), TEXT(NO_ORDER)},
    {TEXT("{}\n"), TEXT(NO_ORDER)},
    {TEXT("[]\n"), TEXT(NO_ORDER)},
    {TEXT("\n"), TEXT(NO_ORDER)},
    {TEXT("{\"command\":\"stats\"\n"), TEXT(NO_ORDER)},
};

static void test_control_each_command(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(conversation); i++) {
        fake_peer_send(&peer, conversation[i].request);
        run();
        assert_out(conversation[i].answer);
        assert_int_equal(protocol_control.pending(peer.session), 0);
    }
}

static void test_control_cut_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(conversation); i++) {
        const struct span whole = conversation[i].request;

        for (size_t cut = 1; cut < whole.len; cut++) {
            fake_peer_send(&peer, (struct span){whole.ptr, cut});
            run();
            assert_int_equal(peer.out.len, 0);
            fake_peer_send(&peer, span_skip(whole, cut));
            run();
            assert_out(conversation[i].answer);
        }
    }
}

static void test_control_reload_with_faults(void **state)
{
    (void)state;
    reload_fails = true;
    fake_peer_send(&peer, SPAN("{\"command\":\"reload\"}\n"));
    assert_int_equal(peer.out.len, 0); /* the reload has not ended */
    run();
    assert_out(SPAN("{\"ok\":false,\"error\":\"nothing has changed\",\"faults\":"
                    "[\"podop.conf:1: \\\"x\\\"\",\"podop.conf:2: \xef\xbf\xbd\"]}\n"));
}

/* Requests after a reload wait for its end. A client that has disconnected gets no reply. */
static void test_control_requests_after_a_reload(void **state)
{
    (void)state;
    fake_peer_send(&peer, SPAN("{\"command\":\"reload\"}\n{\"command\":\"reload\"}\n"
                               "{\"command\":\"stats\"}\n"));
    assert_true(protocol_control.is_full(peer.session));
    fake_peer_feed(&peer);
    assert_int_equal(peer.out.len, 0);
    run();
    assert_out(SPAN("{\"ok\":true}\n"));
    assert_true(peer.wakes > 0);
    fake_peer_feed(&peer);
    assert_int_equal(peer.out.len, 0);
    run();
    fake_peer_feed(&peer);
    assert_out(SPAN("{\"ok\":true}\n{\"ok\":true,\"pid\":17}\n"));
    fake_peer_send(&peer, SPAN("{\"command\":\"reload\"}\n"));
    assert_false(list_is_empty(&reload_requests));
    fake_peer_close(&peer);
    assert_true(list_is_empty(&reload_requests));
}

/* Replies are sent in the order of the requests, whichever is ready first. */
static void test_control_order(void **state)
{
    (void)state;
    fake_peer_send(&peer, SPAN("{\"command\":\"explain\",\"table\":\"alias\",\"key\":\"late1\"}\n"
                               "{\"command\":\"explain\",\"table\":\"alias\",\"key\":\"late2\"}\n"
                               "{\"command\":\"stats\"}\n"));
    run();
    assert_int_equal(peer.out.len, 0);
    answer(&alias, 1);
    run();
    assert_int_equal(peer.out.len, 0);
    answer(&alias, 0);
    run();
    assert_out(
        SPAN("{\"ok\":true,\"status\":\"found\",\"postfix\":\"late1\",\"dovecot\":\"late1\"" OFF
             "{\"ok\":true,\"status\":\"found\",\"postfix\":\"late2\",\"dovecot\":\"late2\"" OFF
             "{\"ok\":true,\"pid\":17}\n"));
    assert_true(peer.wakes > 0);
}

static void test_control_takes_no_more_than_it_may_owe(void **state)
{
    (void)state;
    for (int i = 0; i < 64; i++)
        fake_peer_send(&peer,
                       SPAN("{\"command\":\"explain\",\"table\":\"alias\",\"key\":\"late\"}\n"));
    assert_int_equal(alias.waiting_count, EXPLANATIONS_MAX);
    assert_true(protocol_control.is_full(peer.session));
    answer(&alias, 1); /* its reply is buffered and still counts */
    fake_peer_feed(&peer);
    assert_int_equal(alias.waiting_count, EXPLANATIONS_MAX - 1);
    assert_true(protocol_control.buffered_bytes(peer.session) > 0);
    answer(&alias, 0);
    fake_peer_feed(&peer);
    assert_int_equal(alias.waiting_count, EXPLANATIONS_MAX);
    assert_int_equal(protocol_control.buffered_bytes(peer.session), 0);
    fake_peer_close(&peer);
    assert_int_equal(alias.waiting_count, 0);
}

static void test_control_line_too_long(void **state)
{
    static char line[256 * 1024 + 1];

    (void)state;
    memset(line, '{', sizeof(line));
    fake_peer_send(&peer, (struct span){line, sizeof(line)});
    assert_true(peer.is_bad);
}

/* When an explanation is cancelled and another lookup needs the same fetch, the notes are dropped.
 */
static void test_control_cancelled_explanation(void **state)
{
    static const struct table_key key = {.key = TEXT("late")};
    struct table_op *op, *explained;
    struct reply known;
    struct buf notes;

    (void)state;
    buf_init(&notes, 1000);
    explained = table_explain(cached.table, &key, &notes, &known);
    op = table_lookup(cached.table, &key, &known);
    assert_int_equal(cached.waiting_count, 1);
    fetch_note(cached.waiting[0], "a", SPAN("b"));
    assert_string_equal(buf_string(&notes), "[\"cache\",\"absent\"],[\"a\",\"b\"]");
    table_op_cancel(&explained);
    buf_deinit(&notes);
    fetch_note(cached.waiting[0], "c", SPAN("d"));
    assert_null(notes.ptr);
    table_op_cancel(&op);
    assert_int_equal(cached.cancelled, 1);
}

static void test_control_explains_by_a_fetch_of_its_own(void **state)
{
    static const struct table_key key = {.key = TEXT("late")};
    struct table_op *op, *explained;
    struct reply known;
    struct buf notes;

    (void)state;
    buf_init(&notes, 1000);
    op = table_lookup(cached.table, &key, &known);
    explained = table_explain(cached.table, &key, &notes, &known);
    assert_int_equal(cached.waiting_count, 2);
    table_op_cancel(&op);
    table_op_cancel(&explained);
    buf_deinit(&notes);
}

static void test_control_notes_are_bounded(void **state)
{
    static const struct table_key key = {.key = TEXT("late")};
    struct table_op *op;
    struct reply known;
    struct buf notes;

    (void)state;
    buf_init(&notes, 35);
    op = table_explain(alias.table, &key, &notes, &known);
    fetch_note(alias.waiting[0], "long", SPAN("0123456789012345678901234567890123456789"));
    fetch_note_cut(alias.waiting[0], "n", SPAN("0123456789"), 2);
    assert_string_equal(buf_string(&notes), "[\"cache\",\"off\"]");
    fetch_note(alias.waiting[0], "short", SPAN("x"));
    assert_string_equal(buf_string(&notes), "[\"cache\",\"off\"],[\"short\",\"x\"]");
    table_op_cancel(&op);
    buf_deinit(&notes);
}

static void test_control_finds_by_mode(void **state)
{
    (void)state;
    assert_ptr_equal(protocol_find(MODE_CONTROL, '{'), &protocol_control);
    assert_null(protocol_find(MODE_CONTROL, '5'));
    assert_null(protocol_find(MODE_CONTROL, 'H'));
    assert_null(protocol_find(MODE_AUTO, '{'));
    assert_null(protocol_find(MODE_POSTFIX, '{'));
    assert_null(protocol_find(MODE_DOVECOT, '{'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TABLES(test_control_each_command),
        WITH_TABLES(test_control_cut_anywhere),
        WITH_TABLES(test_control_reload_with_faults),
        WITH_TABLES(test_control_requests_after_a_reload),
        WITH_TABLES(test_control_order),
        WITH_TABLES(test_control_takes_no_more_than_it_may_owe),
        WITH_TABLES(test_control_line_too_long),
        WITH_TABLES(test_control_cancelled_explanation),
        WITH_TABLES(test_control_explains_by_a_fetch_of_its_own),
        WITH_TABLES(test_control_notes_are_bounded),
        cmocka_unit_test(test_control_finds_by_mode),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
