/* suspensions.h - which backends some table has suspended, found in steps. */
#ifndef PODOP_MONITOR_SUSPENSIONS_H
#define PODOP_MONITOR_SUSPENSIONS_H

#include "podop/router.h"

#include <stdbool.h>
#include <stdint.h>

/* Zero-initialised: not begun. */
struct suspensions {
    uint64_t *ids; /* of struct http_backend, in order */
    size_t count;
    size_t table; /* the next one to look at */
};

/* Looks at some tables. Returns false after the last one. */
bool suspensions_step(struct suspensions *suspensions, const struct router *router);
bool suspensions_has(const struct suspensions *suspensions, uint64_t id);
void suspensions_deinit(struct suspensions *suspensions);

#endif
