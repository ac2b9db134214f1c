#include "socketmap_case.h"

struct ev_loop *loop;
struct fake_table alias, other;
struct fake_tables tables = {{&alias, &other}, 2};
static char big[BIG_BYTES];

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

void answer(struct fake_table *fake, size_t n)
{
    struct reply reply = reply_of(fake->waiting[n]->key.key);

    fake_table_answer(fake, n, &reply);
}

void answer_all(enum order order)
{
    struct fake_table *const both[] = {&alias, &other};

    for (size_t i = 0; i < ARRAY_LEN(both); i++) {
        while (both[i]->waiting_count > 0)
            answer(both[i], order == OLDEST_FIRST ? 0 : both[i]->waiting_count - 1);
    }
}

void run(void)
{
    for (int i = 0; i < 2; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

int socketmap_case_setup(void **state)
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

int socketmap_case_teardown(void **state)
{
    (void)state;
    fake_table_close(&alias);
    fake_table_close(&other);
    ev_loop_destroy(loop);
    return 0;
}

void add_netstring(struct buf *to, struct span payload)
{
    netstring_add(to, payload, SPAN(""));
}

void send_request(struct fake_peer *peer, const char *payload)
{
    struct buf wire;

    buf_init(&wire, SIZE_MAX);
    add_netstring(&wire, span_of(payload));
    fake_peer_send(peer, buf_span(&wire));
    buf_deinit(&wire);
}

void assert_reply(struct fake_peer *peer, struct span expected)
{
    struct span payload;
    size_t used;

    assert_int_equal(netstring_parse(buf_span(&peer->out), SIZE_MAX, &payload, &used), PARSE_DONE);
    if (!span_equal(payload, expected))
        fail_msg("'%.*s' instead of '%.*s'", (int)payload.len, payload.ptr, (int)expected.len,
                 expected.ptr);
    buf_drop(&peer->out, used);
}
