/* actor.h - whatever does something now and then: a fault maker, a nuisance, the administrator.
 * Each has its own random stream, so that leaving one out changes no choice of the others. */
#ifndef SIM_ACTOR_H
#define SIM_ACTOR_H

#include "world.h"

struct actor;
typedef void actor_fn(struct actor *actor);

struct actor {
    struct world *world;
    const char *name;
    actor_fn *act;
    void *data;
    int64_t mean_ns;          /* between two acts */
    unsigned acts;            /* so far */
    struct sim_random random; /* of this act, so that leaving one out changes no other */
    struct sim_random waits;  /* of the times between them */
    struct sim_event event;
    struct actor *next;
};

/* Makes an actor, which lives as long as the run, unless the command line leaves it out (then
 * NULL). It acts until the busy phase ends. name is borrowed, data for act(). */
void actor_start(struct world *world, const char *name, actor_fn *act, void *data, double mean_s);

/* A duration from at_least to at_most; each order of magnitude is as likely as the others. */
int64_t actor_duration(struct actor *actor, double at_least_s, double at_most_s);

#endif
