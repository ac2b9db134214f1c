/* wire.h - a client's connection to podop: output that podop does not take yet waits here. */
#ifndef SIM_WIRE_H
#define SIM_WIRE_H

#include "../kernel/kernel.h"

#include "podop/buf.h"

struct wire_ops {
    /* Returns how many bytes were taken; the others are shown again with more. May close the wire.
     */
    size_t (*data)(void *arg, struct span bytes);
    void (*end)(void *arg, enum sim_end how); /* podop closed; the wire is closed already */
};

/* Zero-initialised: closed. */
struct wire {
    struct sim_peer *peer;
    const struct wire_ops *ops;
    void *arg;
    struct buf out; /* what the connection has not taken */
};

/* Connects. Returns false when podop refuses or its backlog is full. */
bool wire_open(struct wire *wire, const char *address, const struct wire_ops *ops, void *arg,
               struct sim_route route);
void wire_write(struct wire *wire, struct span bytes);
void wire_close(struct wire *wire); /* does nothing when it is closed */
void wire_reset(struct wire *wire); /* the same, with a reset */
bool wire_is_open(const struct wire *wire);

/* A route as the seed has it: mostly quick and whole, sometimes slow or in pieces. */
struct sim_route wire_route(struct sim_random *random);

#endif
