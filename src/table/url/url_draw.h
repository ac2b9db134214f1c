/* url_draw.h - draws which of several servers gets a request: of two that are drawn at random, the
 * one with fewer requests under way. So a slow server gets fewer requests, and servers that are
 * equally busy get equally many. Pure: no I/O, no clock. */
#ifndef PODOP_TABLE_URL_URL_DRAW_H
#define PODOP_TABLE_URL_URL_DRAW_H

#include <stddef.h>
#include <stdint.h>

/* The random numbers of one table: SplitMix64. They need not be secret, only evenly spread. */
struct url_draw {
    uint64_t state; /* any number to begin with */
};

#define URL_DRAW_NEVER UINT32_MAX /* the load of a server that must not be drawn */

/* Returns the number of requests under way to server i, or URL_DRAW_NEVER. */
typedef uint32_t url_draw_load_fn(const void *arg, size_t i);

/* Returns one of the servers from begin to end, or end when none may be drawn. */
size_t url_draw_take(struct url_draw *draw, size_t begin, size_t end, url_draw_load_fn *load,
                     const void *arg);

#endif
