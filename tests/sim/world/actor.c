#include "actor.h"

#include "podop/mem.h"

#include <math.h>
#include <stdio.h>

static void wait_for_next(struct actor *a)
{
    const double share = -log(1 - sim_random_unit(&a->waits));

    sim_event_in(&a->event, (int64_t)(share * (double)a->mean_ns));
}

static void act(void *arg)
{
    struct actor *a = arg;
    char name[80];

    if (a->world->phase != WORLD_BUSY)
        return;
    wait_for_next(a);
    snprintf(name, sizeof(name), "%s#%u", a->name, ++a->acts);
    if (!world_has_act(a->name, a->acts))
        return;
    a->random = sim_random_of(name);
    sim_trace("act %s", name);
    a->act(a);
}

void actor_start(struct world *world, const char *name, actor_fn *fn, void *data, double mean_s)
{
    static struct actor *all; /* so that none counts as lost memory */
    struct actor *a = xmalloc(sizeof(*a));

    *a = (struct actor){.world = world,
                        .name = name,
                        .act = fn,
                        .data = data,
                        .mean_ns = (int64_t)(mean_s * 1e9 * world->pace),
                        .waits = sim_random_of(name)};
    a->next = all;
    all = a;
    sim_event_init(&a->event, act, a);
    if (world_has_actor(name))
        wait_for_next(a);
}

int64_t actor_duration(struct actor *a, double at_least_s, double at_most_s)
{
    const double share = sim_random_unit(&a->random);

    return (int64_t)(at_least_s * pow(at_most_s / at_least_s, share) * 1e9);
}
