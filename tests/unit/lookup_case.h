/* lookup_case.h - shared by the tests of lookups: one fake table, in several configurations, and
 * callers that record the answers they get. */
#ifndef PODOP_TESTS_LOOKUP_CASE_H
#define PODOP_TESTS_LOOKUP_CASE_H

#include "unit.h"

#include "podop/clock.h"

#include "fake_table.h"

#include <ev.h>

enum { LONG_MS = 1000000 };

static struct ev_loop *loop;
static struct fake_table fake;
static unsigned answered; /* callers */

#define WITH(test, setup) cmocka_unit_test_setup_teardown(test, setup, teardown)

/* A caller of table_lookup(), and the answer it got. */
struct caller {
    struct table_op *op;
    unsigned answers;
    unsigned turn; /* number of callers that were answered before */
    enum reply_status status;
    enum reply_source source;
    unsigned http_status;
    char map[64], dict[64], reason[64];
    void (*then)(struct caller *caller); /* called in done; may be NULL */
    void *then_arg;
};

static inline void copy(char to[64], struct span bytes)
{
    assert_true(bytes.len < 64);
    if (bytes.len > 0)
        memcpy(to, bytes.ptr, bytes.len);
    to[bytes.len] = '\0';
}

static inline void note(struct caller *c, const struct reply *reply)
{
    c->answers++;
    c->turn = answered++;
    c->status = reply->status;
    c->source = reply->source;
    c->http_status = reply->http_status;
}

static inline void copy_texts(struct caller *c, const struct reply *reply)
{
    copy(c->map, reply->map_value);
    copy(c->dict, reply->dict_value);
    copy(c->reason, reply->reason);
}

static inline void on_reply(void *arg, const struct reply *reply)
{
    struct caller *c = arg;

    assert_non_null(c->op); /* table_lookup() has returned before done is called */
    c->op = NULL;
    note(c, reply);
    if (c->then != NULL)
        c->then(c);
    copy_texts(c, reply); /* then() has not changed it */
}

/* Looks up a copy of key that is freed when this returns, because table_lookup() must copy it. */
static inline void ask_key(struct caller *c, struct table *table, const struct table_key *key)
{
    char *bytes = xmalloc(key->key.len + key->user.len);
    struct table_key copied = *key;
    struct reply known;

    copied.key.ptr = bytes;
    copied.user.ptr = bytes + key->key.len;
    if (key->key.len > 0)
        memcpy(bytes, key->key.ptr, key->key.len);
    if (key->user.len > 0)
        memcpy(bytes + key->key.len, key->user.ptr, key->user.len);
    c->op = table_lookup(table, &copied, &known);
    free(bytes);
    if (c->op != NULL) {
        table_op_wait(c->op, on_reply, c);
        return;
    }
    note(c, &known);
    copy_texts(c, &known);
    if (c->then != NULL)
        c->then(c);
}

static inline void ask(struct caller *c, struct table *table, const char *key)
{
    ask_key(c, table, &(struct table_key){.key = span_of(key)});
}

static inline void assert_found(const struct caller *c, const char *value)
{
    assert_int_equal(c->answers, 1);
    assert_int_equal(c->status, REPLY_FOUND);
    assert_string_equal(c->map, value);
    assert_string_equal(c->dict, value);
    assert_null(c->op);
}

static inline void run(void)
{
    for (int i = 0; i < 3; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static inline bool at_once(struct span key, struct reply *reply)
{
    if (!span_starts_with(key, SPAN("now")))
        return false;
    *reply = fake_found(key);
    return true;
}

static inline int setup_with(const struct table_config *config)
{
    loop = ev_loop_new(EVFLAG_AUTO);
    answered = 0;
    fake_table_open(&fake, "fake", config, loop);
    fake.answers_at_once = at_once;
    return 0;
}

static inline int setup_plain(void **state)
{
    (void)state;
    return setup_with(&(struct table_config){.timeout_ms = 5000});
}

static inline int setup_cached(void **state)
{
    (void)state;
    return setup_with(&(struct table_config){
        .timeout_ms = 5000,
        .cache = {.ttl_ms = LONG_MS,
                  .negative_ttl_ms = LONG_MS,
                  .max_entries = 100,
                  .max_bytes = 100000},
    });
}

static inline int setup_shared(void **state)
{
    (void)state;
    return setup_with(&(struct table_config){.timeout_ms = 5000, .share = true});
}

static inline int setup_stale(void **state)
{
    (void)state; /* an answer is stale after 1 ms */
    return setup_with(&(struct table_config){
        .timeout_ms = 5000,
        .share = true,
        .cache = {.ttl_ms = 1,
                  .negative_ttl_ms = 1,
                  .stale_ms = LONG_MS,
                  .max_entries = 1,
                  .max_bytes = 100000},
    });
}

static inline int teardown(void **state)
{
    bool is_closed = false;

    (void)state;
    fake.is_closed = &is_closed;
    fake_table_close(&fake);
    assert_true(is_closed); /* no lookup has kept its reference */
    ev_loop_destroy(loop);
    return 0;
}

static inline void then_ask(struct caller *c)
{
    struct caller *next = c->then_arg;

    if (next != NULL)
        ask(next, fake.table, "now");
}

static inline void wait_until_stale(void)
{
    uint64_t now_ms = clock_now_ms();

    while (clock_coarse_ms() < now_ms + 2)
        ;
}

/* Keys with different identities. Exception: for a table of this type, KEY of USER is KEY/USER. */
static const struct table_key alike[] = {
    {.key = TEXT("k")},
    {.key = TEXT("k"), .user = TEXT("u"), .is_private = true},
    {.key = TEXT("k"), .user = TEXT("v"), .is_private = true},
    {.key = TEXT("k/w")},
    {.key = TEXT("u"), .user = TEXT("k"), .is_private = true},
    {.key = TEXT("uk")},
    {.key = TEXT("k"), .user = TEXT(""), .is_private = true},
    {.key = TEXT("")},
    {.key = TEXT(""), .user = TEXT(""), .is_private = true},
    {.key = TEXT("K")},
    {.key = TEXT("k\0")},
    {.key = TEXT("\0k")},
};

#endif
