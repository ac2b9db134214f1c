/* The first byte seeds the random choices: where the input after it is cut, and which lookup ends
 * first. The output must have as many lines of JSON as the input has lines. */
#include "fuzz.h"

#include "fake_peer.h"
#include "fake_table.h"

#include "podop/json_object.h"
#include "podop/json_value.h"

#include <ev.h>

struct world {
    struct ev_loop *loop;
    struct fake_table alias;
    struct fake_tables tables;
    struct admin admin;
    struct list reloads; /* under way */
    unsigned chance;
};

static size_t choose(struct world *w, size_t below)
{
    w->chance = w->chance * 1103515245 + 12345;
    return below == 0 ? 0 : (w->chance >> 16) % below;
}

static void reload(void *arg, struct reload_request *request)
{
    struct world *w = arg;

    list_append(&w->reloads, &request->node);
}

static void end_one_reload(struct world *w)
{
    struct reload_request *r =
        LIST_ENTRY_OR_NULL(list_first(&w->reloads), struct reload_request, node);
    const bool is_good = choose(w, 2) == 0;

    if (r == NULL)
        return;
    reload_request_cancel(r);
    if (!is_good)
        r->report(r->arg, "a fault: \xff");
    r->done(r->arg, is_good ? 0 : -1);
}

static void stats(void *arg, struct buf *out)
{
    (void)arg;
    json_add_number(out, "pid", 17);
}

static bool at_once(struct span key, struct reply *reply)
{
    *reply = fake_found(key);
    return key.len > 0 && (key.ptr[0] & 1) != 0;
}

static void answer_one(struct world *w)
{
    static const struct reply miss = {.status = REPLY_MISS};

    if (w->alias.waiting_count > 0)
        fake_table_answer(&w->alias, choose(w, w->alias.waiting_count), &miss);
}

static void settle(struct world *w, struct fake_peer *peer)
{
    size_t before;

    do {
        before = peer->in.len;
        ev_run(w->loop, EVRUN_NOWAIT);
        while (w->alias.waiting_count > 0)
            answer_one(w);
        while (!list_is_empty(&w->reloads))
            end_one_reload(w);
        PROMISE(protocol_control.pending(peer->session) == 0);
        fake_peer_feed(peer);
    } while (peer->in.len < before || protocol_control.pending(peer->session) > 0);
}

/* Returns the number of lines, each of which must be JSON when is_json. */
static size_t count_lines(struct span text, bool is_json)
{
    size_t count = 0;
    const char *end;

    while (text.len > 0 && (end = memchr(text.ptr, '\n', text.len)) != NULL) {
        const struct span line = {text.ptr, (size_t)(end - text.ptr)};
        struct error ignored;

        PROMISE(!is_json || json_check(line, &ignored) == 0);
        text = span_skip(text, line.len + 1);
        count++;
    }
    PROMISE(!is_json || text.len == 0);
    return count;
}

static void run(struct world *w, struct span wire)
{
    struct fake_peer cut, gone;

    fake_peer_open(&cut, &protocol_control, &w->tables);
    fake_peer_open(&gone, &protocol_control, &w->tables); /* closes without reading its replies */
    cut.service.admin = gone.service.admin = &w->admin;
    for (struct span rest = wire; rest.len > 0;) {
        size_t len = 1 + choose(w, rest.len);

        fake_peer_send(&cut, (struct span){rest.ptr, len});
        fake_peer_send(&gone, (struct span){rest.ptr, len});
        rest = span_skip(rest, len);
        while (choose(w, 3) == 0) {
            answer_one(w);
            end_one_reload(w);
        }
    }
    fake_peer_close(&gone);
    settle(w, &cut);
    /* A session takes no more input when its client has too much unread output. */
    PROMISE(cut.is_bad || protocol_control.is_full(cut.session) ||
            count_lines(buf_span(&cut.out), true) == count_lines(wire, false));
    fake_peer_close(&cut);
    ev_run(w->loop, EVRUN_NOWAIT);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct table_config config = {
        .timeout_ms = 1000000,
        .share = true,
        .cache = {.ttl_ms = 1000000, .max_entries = 10, .max_bytes = 10000},
    };
    static struct world w; /* a new loop for each input would be slow */

    if (size == 0)
        return 0;
    if (w.loop == NULL) {
        w.loop = ev_default_loop(EVFLAG_AUTO);
        list_init(&w.reloads);
        w.admin = (struct admin){.arg = &w, .reload = reload, .stats = stats};
        fake_table_open(&w.alias, "alias", &config, w.loop);
        w.alias.answers_at_once = at_once;
        w.tables = (struct fake_tables){{&w.alias}, 1};
    }
    w.chance = data[0];
    run(&w, (struct span){(const char *)data + 1, size - 1});
    return 0;
}
