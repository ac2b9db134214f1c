#include "deaf_client.h"

#include "netstring_text.h"
#include "wire.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    REQUESTS = 20000,
    WINDOW_BYTES_MIN = 2048,
    WINDOW_BYTES_SPAN = 6000,
    TAKEN_BYTES_MAX = 450 * 1024, /* of requests: their answers are not shorter, and 256 KiB of
                                   * them may be unread; and a buffer that is received into */
};

static const int64_t SECOND = 1000000000;

struct deaf {
    struct world *world;
    struct wire wire;
    struct sim_event listens; /* reads the rest, after which podop has hung up */
    struct sim_event ends;    /* by then, all of it has come */
    int64_t since_ns;
    size_t sent;
};

static void finish(struct deaf *d)
{
    sim_event_stop(&d->listens);
    sim_event_stop(&d->ends);
    wire_close(&d->wire);
    free(d);
}

static size_t on_data(void *arg, struct span in)
{
    (void)arg;
    return in.len;
}

static void on_end(void *arg, enum sim_end how)
{
    (void)how;
    finish(arg);
}

/* How long podop may wait: the time runs anew when it sees that bytes have left since it began. */
static int64_t patience_ns(const struct deaf *d)
{
    const struct scene *scene = d->world->scene;
    const int64_t calls_ns = 10 * SECOND; /* accept4() may have failed for a while */
    int64_t longest_ns = SECOND;

    for (size_t i = 0; i < scene->table_count; i++) {
        if (scene->tables[i].timeout_most_ns > longest_ns)
            longest_ns = scene->tables[i].timeout_most_ns;
    }
    return 2 * longest_ns + SECOND + judge_paused_ns(d->since_ns, sim_now()) +
           (d->world->calls_failed_ns >= d->since_ns ? calls_ns : 0);
}

static void check_taken(const struct deaf *d)
{
    const size_t taken = d->sent - d->wire.out.len - sim_peer_unsent(d->wire.peer);

    if (taken > TAKEN_BYTES_MAX)
        sim_broken("too much is taken from a client that does not read", "%zu bytes", taken);
}

static void on_listens(void *arg)
{
    struct deaf *d = arg;
    const int64_t due_ns = d->since_ns + patience_ns(d);

    if (!d->world->is_podop_up) {
        finish(d);
        return;
    }
    check_taken(d);
    if (sim_now() < due_ns) {
        sim_event_at(&d->listens, due_ns);
        return;
    }
    sim_peer_hold(d->wire.peer, false);
    sim_event_in(&d->ends, 2 * SECOND);
}

static void on_ends(void *arg)
{
    const struct deaf *d = arg;

    sim_broken("a client that does not read is kept", "%.3f s after its requests",
               (double)(sim_now() - d->since_ns) / 1e9);
}

/* Asks for tables that are not there, because those are answered at once. */
static void ask(struct deaf *d)
{
    static const char request[] = "no-such-table key";
    struct buf out;

    buf_init(&out, BUF_LIMITED_BY_INPUT);
    for (int i = 0; i < REQUESTS; i++) {
        netstring_begin(&out, sizeof(request) - 1);
        buf_add(&out, span_of(request));
        buf_add_char(&out, ',');
    }
    d->sent = out.len;
    d->world->counts[WORLD_UNJUDGED] += 1; /* few of them are answered */
    wire_write(&d->wire, buf_span(&out));
    buf_deinit(&out);
}

void deaf_client(struct actor *a)
{
    static const struct wire_ops ops = {on_data, on_end};
    const struct scene *scene = a->world->scene;
    struct sim_route route = wire_route(&a->random);
    struct deaf *d = xcalloc(1, sizeof(*d));

    world_fault(a->world, a->name, "now");
    route.window = WINDOW_BYTES_MIN + (size_t)sim_random(&a->random, WINDOW_BYTES_SPAN);
    d->world = a->world;
    d->since_ns = sim_now();
    sim_event_init(&d->listens, on_listens, d);
    sim_event_init(&d->ends, on_ends, d);
    if (!wire_open(&d->wire, sim_chance(&a->random, 0.5) ? scene->socket : scene->inet, &ops, d,
                   route)) {
        free(d);
        return;
    }
    sim_peer_hold(d->wire.peer, true);
    ask(d);
    sim_event_in(&d->listens, SECOND);
}
