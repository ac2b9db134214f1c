#include "client.h"

#include "podop/mem.h"

#include <math.h>
#include <stdlib.h>

enum {
    ROUND_BYTES_MAX = 16 * 1024 * 1024,
    PENDING_MAX = 24, /* of an eager client; podop reads more than that */
};

static const int64_t MS = 1000000;

static struct request *request_of(struct list_node *node)
{
    return CONTAINER_OF(node, struct request, node);
}

/* While podop recovers, a few requests are enough. */
static int64_t pause_of(struct client *c)
{
    const double factor = c->world->phase == WORLD_RECOVERING ? 10 : 1;
    const double mean = (double)c->pause_ns * c->world->pace * factor;

    return (int64_t)(-log(1 - sim_random_unit(&c->random)) * mean);
}

/* Requests */

struct request *client_request(struct client *c, enum request_kind kind,
                               const struct scene_table *table)
{
    struct request *r = xcalloc(1, c->ops->request_bytes);

    r->kind = kind;
    r->table = table;
    list_append(&c->requests, &r->node);
    c->pending++;
    return r;
}

void client_written(struct client *c, struct request *r)
{
    r->end = c->out.len;
}

static void request_free(struct client *c, struct request *r)
{
    list_remove(&r->node);
    c->pending--;
    if (c->ops->drop != NULL)
        c->ops->drop(r);
    free(r);
}

struct request *client_first(const struct client *c)
{
    struct list_node *first = list_first(&c->requests);

    return first == NULL ? NULL : request_of(first);
}

int64_t client_wait_before(const struct client *c, const struct request *request)
{
    int64_t longest_ns = 0;

    LIST_FOR_EACH (node, &c->requests) {
        const struct request *r = request_of(node);

        if (r == request)
            break;
        if (r->table->timeout_most_ns > longest_ns)
            longest_ns = r->table->timeout_most_ns;
    }
    return longest_ns;
}

_Noreturn void client_refuses(const struct client *c, const char *kind, struct span bytes)
{
    sim_broken(kind, "%s got '%.*s', %zu pending", c->name, (int)(bytes.len < 80 ? bytes.len : 80),
               bytes.ptr, c->pending);
}

/* Requests that were sent are lost; the others never were. */
static void lose_requests(struct client *c)
{
    struct request *r;

    while ((r = client_first(c)) != NULL) {
        if (r->complete_ns != 0)
            c->ops->lost(c, r);
        request_free(c, r);
    }
    buf_clear(&c->out);
    c->sent = 0;
    sim_event_stop(&c->rest);
}

/* Sending */

static void mark_sent(struct client *c, struct request *r)
{
    r->complete_ns = sim_now();
    if (c->ops->sent != NULL)
        c->ops->sent(c, r);
}

static void send_until(struct client *c, size_t end)
{
    LIST_FOR_EACH (node, &c->requests) {
        struct request *r = request_of(node);

        if (r->sent_ns == 0)
            r->sent_ns = sim_now();
        if (r->complete_ns == 0 && r->end <= end)
            mark_sent(c, r);
    }
    wire_write(&c->wire, (struct span){c->out.ptr + c->sent, end - c->sent});
    c->sent = end;
    if (end == c->out.len) {
        buf_clear(&c->out);
        c->sent = 0;
    }
}

/* A round ends when all of it is sent, and all of its requests are answered. */
static void end_round(struct client *c)
{
    if (!c->is_eager && c->pending == 0 && c->out.len == 0)
        sim_event_in(&c->event, pause_of(c));
}

static void send_rest(void *arg)
{
    struct client *c = arg;

    if (!wire_is_open(&c->wire))
        return;
    send_until(c, c->out.len);
    end_round(c);
}

/* Sends the round, now and then as two halves with a pause between them. */
static void send_round(struct client *c)
{
    if (c->out.len > 1 && sim_chance(&c->random, 0.05)) {
        send_until(c, sim_random(&c->random, c->out.len - 1) + 1);
        sim_event_in(&c->rest, (int64_t)sim_random(&c->random, 300) * MS);
        return;
    }
    send_until(c, c->out.len);
}

/* Life */

static void leave(struct client *c)
{
    wire_close(&c->wire);
    sim_event_in(&c->event, pause_of(c));
}

/* Whether an eager client has to wait, for the rest of its round or for answers. */
static bool must_wait(const struct client *c)
{
    return c->sent > 0 || c->pending > PENDING_MAX ||
           (c->pending > 0 && (c->rounds == 0 || c->world->phase >= WORLD_DRAINING));
}

static void next_round(struct client *c)
{
    if (c->is_eager && must_wait(c)) {
        sim_event_in(&c->event, pause_of(c));
        return;
    }
    if (c->rounds == 0 || c->world->phase >= WORLD_DRAINING) {
        leave(c);
        return;
    }
    c->rounds--;
    c->ops->ask(c);
    send_round(c);
    if (c->is_eager)
        sim_event_in(&c->event, pause_of(c));
}

static size_t on_data(void *arg, struct span in)
{
    struct client *c = arg;
    size_t used = 0, taken;

    do {
        taken = c->ops->message(c, span_skip(in, used));
        used += taken;
    } while (taken > 0 && used < in.len);
    return used;
}

static void on_end(void *arg, enum sim_end how)
{
    struct client *c = arg;

    sim_trace("%s is disconnected%s, %zu pending", c->name, how == SIM_RESET ? " (reset)" : "",
              c->pending);
    if (!world_may_hang_up(c->world, sim_now() - 1) &&
        !world_was_stopped(c->world, c->connected_ns)) /* the end may come in the next life */
        sim_broken("hung up", "podop hung up on %s, which had %zu requests pending", c->name,
                   c->pending);
    lose_requests(c);
    sim_event_in(&c->event, pause_of(c));
}

static void connect_now(struct client *c)
{
    static const struct wire_ops ops = {on_data, on_end};
    const struct scene *scene = c->world->scene;
    const char *address = sim_chance(&c->random, 0.7) ? scene->socket : scene->inet;
    const struct sim_route route = wire_route(&c->random);

    c->is_slow = route.segment > 0 || route.window > 0 || route.delay_ns > MS;
    if (!wire_open(&c->wire, address, &ops, c, route)) {
        sim_event_in(&c->event, (int64_t)(10 + sim_random(&c->random, 200)) * MS);
        return;
    }
    c->connected_ns = sim_now();
    c->connections++;
    c->rounds = 1 + (unsigned)sim_random(&c->random, 40);
    if (c->ops->greet != NULL)
        c->ops->greet(c);
    next_round(c);
}

static void live(void *arg)
{
    struct client *c = arg;

    if (wire_is_open(&c->wire)) {
        next_round(c);
        return;
    }
    if (c->world->phase < WORLD_DRAINING)
        connect_now(c);
}

void client_answered(struct client *c, struct request *r)
{
    request_free(c, r);
    end_round(c);
}

bool client_is_done(const struct client *c)
{
    return c->pending == 0 && c->world->phase >= WORLD_DRAINING;
}

void client_start(struct client *c, struct world *world, const char *name,
                  const struct client_ops *ops, int64_t pause_ns)
{
    *c = (struct client){.world = world, .name = name, .ops = ops, .pause_ns = pause_ns};
    c->random = sim_random_of(name);
    sim_event_init(&c->event, live, c);
    sim_event_init(&c->rest, send_rest, c);
    list_init(&c->requests);
    buf_init(&c->out, ROUND_BYTES_MAX);
    sim_event_in(&c->event, pause_of(c));
}
