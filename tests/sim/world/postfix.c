#include "postfix.h"

#include "../model/judge.h"
#include "netstring_text.h"

#include "podop/mem.h"

#include <string.h>

static const struct {
    const char *word;
    enum judge_status status;
} words[] = {{"OK ", JUDGE_FOUND},
             {"NOTFOUND ", JUDGE_MISS},
             {"TEMP ", JUDGE_FAILED},
             {"TIMEOUT ", JUDGE_FAILED},
             {"PERM ", JUDGE_FAILED}};

static void ask_one(struct client *c)
{
    const struct scene_table *table = world_table(c->world, &c->random, NULL);
    struct request *r = client_request(c, REQUEST_LOOKUP, table);

    world_key(table, &c->random, r->key);
    netstring_begin(&c->out, strlen(table->name) + 1 + strlen(r->key));
    buf_add(&c->out, span_of(table->name));
    buf_add_char(&c->out, ' ');
    buf_add(&c->out, span_of(r->key));
    buf_add_char(&c->out, ',');
    r->wait_ns = client_wait_before(c, r);
    client_written(c, r);
    c->world->counts[WORLD_POSTFIX_LOOKUPS]++;
}

static void ask(struct client *c)
{
    const struct postfix *p = CONTAINER_OF(c, struct postfix, client);
    uint64_t count = 1 + sim_random(&c->random, p->most);

    while (count-- > 0)
        ask_one(c);
}

static void judge(const struct request *r, enum judge_status status, struct span text)
{
    const struct judge_lookup lookup = {
        .table = r->table, .key = r->key, .protocol = TRUTH_POSTFIX, .sent_ns = r->sent_ns};

    judge_lookup(&lookup, status, text.ptr, text.len);
}

static void take_answer(struct client *c, struct span payload)
{
    struct request *r = client_first(c);

    if (r == NULL || r->complete_ns == 0)
        client_refuses(c, "unasked answer", payload);
    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        const struct span word = span_of(words[i].word);

        if (payload.len < word.len || memcmp(payload.ptr, word.ptr, word.len) != 0)
            continue;
        world_count_answer(c->world, words[i].status);
        if (!c->is_slow)
            judge_time(r->table, r->complete_ns, r->wait_ns, r->key);
        judge(r, words[i].status, span_skip(payload, word.len));
        client_answered(c, r);
        return;
    }
    client_refuses(c, "no socketmap", payload);
}

static size_t message(struct client *c, struct span in)
{
    struct span payload;
    const size_t used = netstring_take(in, &payload);

    if (used == NETSTRING_BAD)
        client_refuses(c, "no netstring", in);
    if (used > 0)
        take_answer(c, payload);
    return used;
}

static void lost(struct client *c, struct request *r)
{
    (void)r;
    c->world->counts[WORLD_LOST]++;
}

void postfix_start(struct postfix *p, struct world *world, const char *name, unsigned most,
                   int64_t pause_ns)
{
    static const struct client_ops ops = {
        .request_bytes = sizeof(struct request), .ask = ask, .message = message, .lost = lost};

    p->most = most;
    client_start(&p->client, world, name, &ops, pause_ns);
}
