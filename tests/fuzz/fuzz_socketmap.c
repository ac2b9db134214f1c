/* The first byte seeds the random choices: where the input after it is cut, and which lookup ends
 * first. The replies must be the same as for the input in one piece. */
#include "fuzz.h"

#include "fake_peer.h"
#include "fake_table.h"

#include "podop/netstring.h"

#include <ev.h>

struct world {
    struct ev_loop *loop;
    struct fake_table alias, other;
    struct fake_tables tables;
    unsigned chance;
};

static unsigned choose(struct world *w, size_t below)
{
    w->chance = w->chance * 1103515245 + 12345;
    return below == 0 ? 0 : (unsigned)((w->chance >> 16) % below);
}

static struct reply reply_of(struct span key)
{
    static const char reason[] = "why not";

    switch (key.len == 0 ? 0 : key.ptr[key.len - 1] & 7) {
    case 1: return (struct reply){.status = REPLY_MISS};
    case 2: return (struct reply){.status = REPLY_TEMPORARY, .reason = span_of(reason)};
    case 3: return (struct reply){.status = REPLY_TIMEOUT, .reason = key};
    case 4: return (struct reply){.status = REPLY_PERMANENT, .reason = {NULL, 0}};
    default: return fake_found(key);
    }
}

static bool at_once(struct span key, struct reply *reply)
{
    *reply = reply_of(key);
    return key.len > 0 && (key.ptr[0] & 1) != 0;
}

static void answer_one(struct world *w, struct fake_table *fake)
{
    size_t n = choose(w, fake->waiting_count);
    struct reply reply;

    if (fake->waiting_count == 0)
        return;
    reply = reply_of(fake->waiting[n]->key.key);
    fake_table_answer(fake, n, &reply);
}

/* Runs until no lookup is in flight and the session takes no more input. */
static void settle(struct world *w, struct fake_peer *peer)
{
    size_t before;

    do {
        before = peer->in.len;
        ev_run(w->loop, EVRUN_NOWAIT);
        while (w->alias.waiting_count + w->other.waiting_count > 0) {
            answer_one(w, &w->alias);
            answer_one(w, &w->other);
        }
        PROMISE(protocol_socketmap.pending(peer->session) == 0);
        fake_peer_feed(peer);
    } while (peer->in.len < before || protocol_socketmap.pending(peer->session) > 0);
}

static void peer_open(struct world *w, struct fake_peer *peer)
{
    fake_peer_open(peer, &protocol_socketmap, &w->tables);
    peer->listen.max_request = 1000;
    peer->listen.max_reply = 500;
}

static unsigned count_replies(struct span out)
{
    struct span payload;
    unsigned count = 0;
    size_t used;

    for (; out.len > 0; out = span_skip(out, used)) {
        PROMISE(netstring_parse(out, 500, &payload, &used) == PARSE_DONE);
        PROMISE(span_starts_with(payload, SPAN("OK ")) ||
                span_starts_with(payload, SPAN("NOTFOUND ")) ||
                span_starts_with(payload, SPAN("TEMP ")) ||
                span_starts_with(payload, SPAN("TIMEOUT ")) ||
                span_starts_with(payload, SPAN("PERM ")));
        count++;
    }
    return count;
}

/* Takes a request that is too long off the front of wire. */
static enum parse skip_long(struct span wire, size_t *used)
{
    struct netstring_discard discard;
    size_t begin, rest;
    enum parse got = netstring_discard_begin(&discard, wire, 1000, &begin);

    if (got != PARSE_DONE)
        return got;
    got = netstring_discard(&discard, span_skip(wire, begin), &rest);
    *used = begin + rest;
    return got;
}

static unsigned count_requests(struct span wire, bool *is_bad)
{
    struct span payload;
    unsigned count = 0;
    size_t used;

    for (;;) {
        enum parse got = netstring_parse(wire, 1000, &payload, &used);

        if (got == PARSE_BAD)
            got = skip_long(wire, &used);
        *is_bad = got == PARSE_BAD;
        if (got != PARSE_DONE)
            return count;
        count++;
        wire = span_skip(wire, used);
    }
}

static void run(struct world *w, struct span wire)
{
    struct fake_peer whole, cut, gone;
    bool is_bad;
    unsigned requests = count_requests(wire, &is_bad);

    peer_open(w, &whole);
    fake_peer_send(&whole, wire);
    settle(w, &whole);
    PROMISE(whole.is_bad == is_bad);
    PROMISE(count_replies(buf_span(&whole.out)) == requests);

    peer_open(w, &cut);
    for (struct span rest = wire; rest.len > 0;) {
        size_t len = 1 + choose(w, rest.len);

        fake_peer_send(&cut, (struct span){rest.ptr, len});
        rest = span_skip(rest, len);
        if (choose(w, 2) == 0)
            ev_run(w->loop, EVRUN_NOWAIT);
        while (choose(w, 3) == 0)
            answer_one(w, choose(w, 2) == 0 ? &w->alias : &w->other);
    }
    settle(w, &cut);
    PROMISE(cut.is_bad == is_bad);
    PROMISE(span_equal(buf_span(&whole.out), buf_span(&cut.out)));

    peer_open(w, &gone); /* closes without reading its replies */
    fake_peer_send(&gone, wire);
    answer_one(w, &w->alias);
    fake_peer_close(&gone);
    PROMISE(w->alias.waiting_count + w->other.waiting_count == 0);
    ev_run(w->loop, EVRUN_NOWAIT);
    fake_peer_close(&whole);
    fake_peer_close(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct table_config config = {.timeout_ms = 1000};
    static struct world w; /* a new loop for each input would be slow */

    if (size == 0)
        return 0;
    if (w.loop == NULL) {
        w.loop = ev_default_loop(EVFLAG_AUTO);
        fake_table_open(&w.alias, "alias", &config, w.loop);
        fake_table_open(&w.other, "o", &config, w.loop);
        w.alias.answers_at_once = w.other.answers_at_once = at_once;
        w.tables = (struct fake_tables){{&w.alias, &w.other}, 2};
    }
    w.chance = data[0];
    run(&w, (struct span){(const char *)data + 1, size - 1});
    return 0;
}
