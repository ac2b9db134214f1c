#include "wire.h"

enum { UNSENT_BYTES_MAX = 64 * 1024 * 1024 };

static size_t on_data(void *arg, const char *bytes, size_t len)
{
    struct wire *wire = arg;

    return wire->ops->data(wire->arg, (struct span){bytes, len});
}

static void forget(struct wire *wire)
{
    wire->peer = NULL;
    buf_deinit(&wire->out);
}

static void on_end(void *arg, enum sim_end how)
{
    struct wire *wire = arg;

    if (wire->peer != NULL)
        sim_peer_close(&wire->peer);
    forget(wire);
    wire->ops->end(wire->arg, how);
}

static void flush(struct wire *wire)
{
    if (wire->out.len > 0)
        buf_drop(&wire->out, sim_peer_send(wire->peer, wire->out.ptr, wire->out.len));
}

static void on_room(void *arg)
{
    flush(arg);
}

bool wire_open(struct wire *wire, const char *address, const struct wire_ops *ops, void *arg,
               struct sim_route route)
{
    static const struct sim_peer_ops peer_ops = {on_data, on_end, on_room};

    buf_init(&wire->out, UNSENT_BYTES_MAX);
    wire->ops = ops;
    wire->arg = arg;
    wire->peer = sim_connect(address, &peer_ops, wire, route);
    return wire->peer != NULL;
}

void wire_write(struct wire *wire, struct span bytes)
{
    size_t taken = 0;

    if (wire->out.len == 0)
        taken = sim_peer_send(wire->peer, bytes.ptr, bytes.len);
    buf_add(&wire->out, span_skip(bytes, taken));
}

void wire_close(struct wire *wire)
{
    if (wire->peer == NULL)
        return;
    sim_peer_close(&wire->peer);
    forget(wire);
}

void wire_reset(struct wire *wire)
{
    if (wire->peer == NULL)
        return;
    sim_peer_reset(&wire->peer);
    forget(wire);
}

bool wire_is_open(const struct wire *wire)
{
    return wire->peer != NULL;
}

struct sim_route wire_route(struct sim_random *random)
{
    static const int64_t ms = 1000000;
    struct sim_route route = {.delay_ns = (int64_t)sim_random(random, 50000)};

    if (sim_chance(random, 0.1)) {
        route.delay_ns = (int64_t)sim_random(random, 20) * ms;
        route.jitter_ns = (int64_t)sim_random(random, 10) * ms;
    }
    if (sim_chance(random, 0.15))
        route.cut = sim_random_unit(random);
    if (sim_chance(random, 0.05))
        route.segment = 1 + sim_random(random, 100);
    if (sim_chance(random, 0.1))
        route.window = 2048 + sim_random(random, 100000);
    return route;
}
