#include "nuisances.h"

#include "deaf_client.h"
#include "netstring_text.h"
#include "wire.h"

#include "podop/mem.h"

#include <stdio.h>
#include <string.h>

/* A connection that ends by itself after a while, whatever podop makes of it. */
struct nuisance {
    struct wire wire;
    struct sim_event leaves;
    bool is_rude; /* leaves with a reset */
};

static void end(struct nuisance *n)
{
    sim_event_stop(&n->leaves);
    if (n->is_rude)
        wire_reset(&n->wire);
    else
        wire_close(&n->wire);
    free(n);
}

static void on_leaves(void *arg)
{
    end(arg);
}

static size_t on_data(void *arg, struct span in)
{
    (void)arg;
    return in.len;
}

static void on_end(void *arg, enum sim_end how)
{
    (void)how;
    end(arg);
}

/* Returns NULL when podop does not accept it. */
static struct nuisance *begin_at(struct actor *a, const char *address, int64_t for_ns)
{
    static const struct wire_ops ops = {on_data, on_end};
    struct nuisance *n = xcalloc(1, sizeof(*n));

    world_fault(a->world, a->name, "for %.3fs", (double)for_ns / 1e9);
    sim_event_init(&n->leaves, on_leaves, n);
    n->is_rude = sim_chance(&a->random, 0.3);
    if (!wire_open(&n->wire, address, &ops, n, wire_route(&a->random))) {
        free(n);
        return NULL;
    }
    sim_event_in(&n->leaves, for_ns);
    return n;
}

static struct nuisance *begin(struct actor *a, int64_t for_ns)
{
    const struct scene *scene = a->world->scene;

    return begin_at(a, sim_chance(&a->random, 0.5) ? scene->socket : scene->inet, for_ns);
}

/* What they send */

static void add_lookups(struct actor *a, struct buf *out, unsigned count)
{
    while (count-- > 0) {
        const struct scene_table *table = world_table(a->world, &a->random, NULL);
        char key[SCENE_KEY_BYTES];

        world_key(table, &a->random, key);
        netstring_begin(out, strlen(table->name) + 1 + strlen(key));
        buf_add(out, span_of(table->name));
        buf_add_char(out, ' ');
        buf_add(out, span_of(key));
        buf_add_char(out, ',');
    }
}

static void add_dict_lookups(struct actor *a, struct buf *out, unsigned count)
{
    const struct scene_table *table = world_table(a->world, &a->random, NULL);
    char text[SCENE_KEY_BYTES * 2];

    snprintf(text, sizeof(text), "H4\t0\t0\t\t%s\n", table->name);
    buf_add(out, span_of(text));
    while (count-- > 0) {
        char key[SCENE_KEY_BYTES];

        world_key(table, &a->random, key);
        snprintf(text, sizeof(text), "Lshared/%s\t\n", key);
        buf_add(out, span_of(text));
        if (sim_chance(&a->random, 0.1))
            buf_add(out, SPAN("I0\t0\tshared/dir/\t\n"));
    }
    if (sim_chance(&a->random, 0.3)) /* a transaction without its commit */
        buf_add(out, SPAN("B7\t\t0\nS7\tshared/never\tmade\n"));
}

static void send_much(struct actor *a, struct nuisance *n, unsigned count)
{
    struct buf out;

    buf_init(&out, BUF_LIMITED_BY_INPUT);
    if (sim_chance(&a->random, 0.5))
        add_lookups(a, &out, count);
    else
        add_dict_lookups(a, &out, count);
    a->world->counts[WORLD_UNJUDGED] += count;
    wire_write(&n->wire, buf_span(&out));
    buf_deinit(&out);
}

/* Kinds */

static void stall(struct actor *a)
{
    struct nuisance *n = begin(a, actor_duration(a, 0.1, 60));

    if (n == NULL)
        return;
    sim_peer_hold(n->wire.peer, true);
    send_much(a, n, 1 + (unsigned)sim_random(&a->random, 500));
}

static void leave(struct actor *a)
{
    struct nuisance *n = begin(a, actor_duration(a, 0.0001, 1));

    if (n != NULL)
        send_much(a, n, 1 + (unsigned)sim_random(&a->random, 40));
}

static void flood(struct actor *a)
{
    struct nuisance *n = begin(a, actor_duration(a, 1, 10));

    if (n != NULL)
        send_much(a, n, 300);
}

static void send_half(struct actor *a)
{
    static const char *const halves[] = {"12:plai", "99", "H4\t0\t0\t\tplain\nLshared/s", "H4",
                                         "H4\t0\t0\t\tplain\nB1\tu\n"};
    struct nuisance *n = begin(a, actor_duration(a, 0.01, 20));

    if (n != NULL)
        wire_write(&n->wire, span_of(halves[sim_random(&a->random, ARRAY_LEN(halves))]));
}

static void send_garbage(struct actor *a)
{
    static const char *const kinds[] = {
        "GET / HTTP/1.1\r\n\r\n",   "99999999999:", "H9\t0\t0\t\tplain\n",
        "5:plain;5:plain,",         "\n\n\n",       "H2\t0\t0\tu\tplain\nX\n",
        "{\"command\":\"stats\"}\n"};
    struct nuisance *n = begin(a, actor_duration(a, 0.01, 5));
    char random[64];

    if (n == NULL)
        return;
    for (size_t i = 0; i < sizeof(random); i++)
        random[i] = (char)sim_random(&a->random, 256);
    if (sim_chance(&a->random, 0.3))
        wire_write(&n->wire, (struct span){random, sizeof(random)});
    else
        wire_write(&n->wire, span_of(kinds[sim_random(&a->random, ARRAY_LEN(kinds))]));
}

/* A client whose host vanishes without a word. podop's kernel ends the connection when nothing
 * answers its probes (tcp(7)): two hours and eleven minutes, and podop has to close it. */
static const int64_t keepalive_ns = (7200 + 9 * 75 + 60) * INT64_C(1000000000);

static void on_host_is_gone(void *arg)
{
    struct nuisance *n = arg;

    if (!sim_peer_is_alone(n->wire.peer))
        sim_broken("a connection to a host that is gone is kept", "for more than two hours");
    end(n);
}

static void vanish(struct actor *a)
{
    struct nuisance *n = begin_at(a, a->world->scene->inet, keepalive_ns);

    if (n == NULL)
        return;
    n->leaves.run = on_host_is_gone;
    n->is_rude = true;
    send_much(a, n, (unsigned)sim_random(&a->random, 4));
    sim_peer_route(n->wire.peer, (struct sim_route){.is_dead = true});
}

void nuisances_start(struct world *world)
{
    actor_start(world, "stall", stall, NULL, 5);
    actor_start(world, "deaf", deaf_client, NULL, 8);
    actor_start(world, "vanish", vanish, NULL, 20);
    actor_start(world, "leave", leave, NULL, 2);
    actor_start(world, "flood", flood, NULL, 5);
    actor_start(world, "halves", send_half, NULL, 4);
    actor_start(world, "garbage", send_garbage, NULL, 4);
}
