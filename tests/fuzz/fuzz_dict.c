/* The first byte seeds the random choices: where the input after it is cut, and which answer comes
 * first. A json table answers at once, and writes to it fail; another table answers later, in any
 * order. The input is fed in one piece, in many, and by a client that closes early. */
#include "fuzz.h"

#include "fake_peer.h"
#include "fake_table.h"

#include "podop/deadline.h"
#include "podop/transaction.h"

#include <ev.h>

struct world {
    struct ev_loop *loop;
    struct commits commits;
    struct fake_table meta; /* with the ops of a json table */
    struct fake_table test; /* answers when the fuzzer lets it */
    struct fake_tables tables;
    unsigned chance;
};

static size_t choose(struct world *w, size_t below)
{
    w->chance = w->chance * 1103515245 + 12345;
    return (w->chance >> 16) % below;
}

/* The reply to a lookup; it depends on the key alone. */
static struct reply reply_to_lookup(struct span key)
{
    switch (key.len == 0 ? 0 : key.ptr[key.len - 1] & 7) {
    case 1: return (struct reply){.status = REPLY_MISS};
    case 2: return (struct reply){.status = REPLY_TEMPORARY, .reason = SPAN("why\tnot")};
    case 3: return (struct reply){.status = REPLY_TIMEOUT, .reason = key};
    case 4: return (struct reply){.status = REPLY_PERMANENT, .reason = SPAN("")};
    default: return fake_found(key);
    }
}

/* The reply to a commit; it depends on the number of its changes alone. */
static struct reply reply_to_commit(size_t changes)
{
    switch (changes & 3) {
    case 0: return (struct reply){.status = REPLY_MISS};
    case 2: return (struct reply){.status = REPLY_TIMEOUT, .reason = SPAN("late")};
    case 3: return (struct reply){.status = REPLY_TEMPORARY, .reason = SPAN("no")};
    default: return (struct reply){.status = REPLY_FOUND};
    }
}

/* Ends a lookup or a commit of the table that answers later. */
static void answer_one(struct world *w)
{
    struct fake_table *t = &w->test;
    const bool is_commit = t->commit_count > 0 && (t->waiting_count == 0 || choose(w, 2) == 0);
    const size_t n = is_commit ? choose(w, t->commit_count) : 0;
    struct reply reply;

    if (is_commit) {
        reply = reply_to_commit(t->commits[n]->transaction->count);
        fake_table_end_commit(t, n, (t->commits[n]->transaction->count & 4) != 0, &reply);
    } else if (t->waiting_count > 0) {
        const size_t fetch = choose(w, t->waiting_count);

        reply = reply_to_lookup(t->waiting[fetch]->key.key);
        fake_table_answer(t, fetch, &reply);
    }
}

static void answer_all(struct world *w)
{
    while (w->test.commit_count > 0 || w->test.waiting_count > 0)
        answer_one(w);
}

static void settle(struct world *w, struct fake_peer *peer)
{
    size_t before;

    do {
        before = peer->in.len;
        for (int i = 0; i < 4 || protocol_dict.pending(peer->session) > 0; i++) {
            PROMISE(i < 1000); /* everything is answered */
            ev_run(w->loop, EVRUN_NOWAIT);
            answer_all(w);
            protocol_dict.output_drained(peer->session);
        }
        fake_peer_feed(peer);
    } while (peer->in.len < before || protocol_dict.pending(peer->session) > 0);
    PROMISE(w->commits.first == NULL);
}

static void peer_open(struct world *w, struct fake_peer *peer)
{
    fake_peer_open(peer, &protocol_dict, &w->tables);
    peer->listen.max_request = 1000;
}

/* Checks that the output is whole lines that begin with a known letter. */
static void check_out(struct span out)
{
    while (out.len > 0) {
        const char *end = memchr(out.ptr, '\n', out.len);

        PROMISE(end != NULL);
        PROMISE(memchr("OFNWA*+\n", *out.ptr, 8) != NULL);
        PROMISE(memchr(out.ptr, '\0', (size_t)(end - out.ptr)) == NULL);
        out = span_skip(out, (size_t)(end - out.ptr) + 1);
    }
}

static void run(struct world *w, struct span wire)
{
    struct fake_peer whole, cut, gone;

    peer_open(w, &whole);
    fake_peer_send(&whole, wire);
    settle(w, &whole);
    check_out(buf_span(&whole.out));

    peer_open(w, &cut);
    peer_open(w, &gone); /* closes without reading its replies */
    for (struct span rest = wire; rest.len > 0;) {
        size_t len = 1 + choose(w, rest.len);

        fake_peer_send(&cut, (struct span){rest.ptr, len});
        fake_peer_send(&gone, (struct span){rest.ptr, len});
        rest = span_skip(rest, len);
        if (choose(w, 2) == 0)
            ev_run(w->loop, EVRUN_NOWAIT);
        if (choose(w, 2) == 0)
            answer_one(w);
    }
    fake_peer_close(&gone);
    settle(w, &cut);
    PROMISE(cut.is_bad == whole.is_bad);
    check_out(buf_span(&cut.out));
    /* Without ids and asynchronous commits, replies are in the order of the requests. */
    if (wire.len > 5 && memcmp(wire.ptr, "H2\t0\t", 5) == 0 &&
        memchr(wire.ptr, 'D', wire.len) == NULL)
        PROMISE(span_equal(buf_span(&whole.out), buf_span(&cut.out)));
    fake_peer_close(&whole);
    fake_peer_close(&cut);
}

static struct table *open_json_table(struct world *w)
{
    static char name[] = "meta", type[] = "json";
    const struct table_env env = {.loop = w->loop, .commits = &w->commits, .log = &w->meta.log};
    struct table_config config = {.name = name, .type = type, .timeout_ms = 1000000};
    struct error err = {0};
    struct fake_file file;
    struct table *t;

    fake_file_open(&file, SPAN("{\"a\": 1, \"a/b\": \"x\\ty\", \"a/c/bob\": [1, 2], \"a/n\": null, "
                               "\"z\": \"\\u0000\", \"a/d/e\": \"\"}"));
    config.param = file.path;
    t = table_open(&config, &env, &err);
    PROMISE(t != NULL);
    fake_file_close(&file);
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w; /* a new loop for each input would be slow */

    if (size == 0)
        return 0;
    if (w.loop == NULL) {
        w.loop = ev_default_loop(EVFLAG_AUTO);
        service_clock_hold(w.loop);
        w.meta.table = open_json_table(&w);
        fake_table_open_in(&w.test, "test", &(struct table_config){.timeout_ms = 1000000},
                           &(struct table_env){.loop = w.loop, .commits = &w.commits});
        w.tables = (struct fake_tables){{&w.meta, &w.test}, 2};
    }
    w.chance = data[0];
    run(&w, (struct span){(const char *)data + 1, size - 1});
    return 0;
}
