/* spans.h - times in which something was wrong, of which the last ones are kept. */
#ifndef SIM_SPANS_H
#define SIM_SPANS_H

#include <stdbool.h>
#include <stdint.h>

enum { SPANS_KEPT = 32 };

/* Zero-initialised: none. */
struct spans {
    struct {
        int64_t from_ns, to_ns; /* to INT64_MAX: it goes on */
    } ring[SPANS_KEPT];
    unsigned count; /* of all that ever were */
    unsigned depth; /* how often it was opened without being closed */
};

void spans_open(struct spans *spans, int64_t now_ns);
void spans_close(struct spans *spans, int64_t now_ns); /* of one that is not open: nothing */
void spans_set(struct spans *spans, bool is_open, int64_t now_ns); /* once, however often */
void spans_point(struct spans *spans, int64_t now_ns);
void spans_add(struct spans *spans, int64_t from_ns, int64_t to_ns);
static inline bool spans_is_open(const struct spans *spans)
{
    return spans->depth > 0;
}

/* Whether one that had lasted for least_ns by to_ns was there between the instants, or ended at
 * most after_ns before them. Those with less than 0.3 s between them count as one. */
bool spans_meet(const struct spans *spans, int64_t from_ns, int64_t to_ns, int64_t after_ns,
                int64_t least_ns);

/* How much of the time they cover, and how many began in it. */
int64_t spans_cover(const struct spans *spans, int64_t from_ns, int64_t to_ns);
unsigned spans_begun(const struct spans *spans, int64_t from_ns, int64_t to_ns);
int64_t spans_last_from_ns(const struct spans *spans); /* the beginning of the last */
int64_t spans_last_ns(const struct spans *spans);      /* the end of the last; INT64_MIN: none */

#endif
