#include "client_memory.h"

enum {
    BYTES_MAX = 64 * 1024 * 1024,
    BYTES_FINE = BYTES_MAX / 4 * 3,         /* the relief ends below this */
    TURN_TAKEN_BYTES_MAX = 4 * 1024 * 1024, /* of all clients in one turn of the loop */
    SPARING_TICKS_MAX = 7,                  /* after these, slow readers are disconnected as well */
};

static const double TICK_SECONDS = 0.25;

bool client_memory_is_high(const struct client_memory *memory)
{
    return memory->bytes > BYTES_FINE;
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct client_memory *memory = w->data;

    (void)revents;
    memory->ops->relieve(memory->arg, ++memory->ticks <= SPARING_TICKS_MAX);
    if (client_memory_is_high(memory))
        return; /* the timer repeats */
    memory->is_over_limit = memory->is_under_pressure = false;
    ev_timer_stop(loop, w);
    memory->ops->relieved(memory->arg);
}

void client_memory_init(struct client_memory *memory, struct ev_loop *loop,
                        const struct client_memory_ops *ops, void *arg)
{
    *memory = (struct client_memory){.loop = loop, .ops = ops, .arg = arg};
    ev_init(&memory->tick, on_tick);
    memory->tick.repeat = TICK_SECONDS;
    memory->tick.data = memory;
}

void client_memory_deinit(struct client_memory *memory)
{
    ev_timer_stop(memory->loop, &memory->tick);
}

void client_memory_begin_turn(struct client_memory *memory)
{
    memory->taken_bytes = 0;
    memory->is_under_pressure = memory->is_over_limit;
}

static void take(struct client_memory *memory, size_t bytes)
{
    memory->taken_bytes += bytes;
    memory->bytes += bytes;
    if (!memory->is_over_limit && memory->bytes > BYTES_MAX) {
        memory->is_over_limit = true;
        memory->ticks = 0;
        ev_timer_again(memory->loop, &memory->tick);
    }
    memory->is_under_pressure = memory->is_over_limit || memory->taken_bytes > TURN_TAKEN_BYTES_MAX;
}

void client_memory_count(struct client_memory *memory, size_t *counted, size_t bytes)
{
    if (bytes > *counted)
        take(memory, bytes - *counted);
    else
        memory->bytes -= *counted - bytes;
    *counted = bytes;
}
