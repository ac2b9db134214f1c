#include "latency.h"

enum { SUBCLASSES = 1 << LATENCY_BITS };

/* The highest LATENCY_BITS + 1 bits of ns choose its class. */
static unsigned class_of(uint64_t ns)
{
    unsigned shift;

    if (ns < SUBCLASSES)
        return (unsigned)ns;
    shift = 63U - (unsigned)__builtin_clzll(ns) - LATENCY_BITS;
    return ((shift + 1) << LATENCY_BITS) + (unsigned)((ns >> shift) & (SUBCLASSES - 1));
}

static uint64_t least_of(unsigned class)
{
    unsigned shift = class >> LATENCY_BITS;
    uint64_t rest = class & (SUBCLASSES - 1);

    return shift == 0 ? rest : (rest | SUBCLASSES) << (shift - 1);
}

void latency_add(struct latency *latency, uint64_t ns)
{
    latency->classes[class_of(ns)]++;
    latency->count++;
    if (ns > latency->max_ns)
        latency->max_ns = ns;
}

double latency_quantile_us(const struct latency *latency, double share)
{
    double rank = share * (double)latency->count;
    uint64_t seen = 0;

    for (unsigned i = 0; i < LATENCY_CLASSES && latency->count > 0; i++) {
        seen += latency->classes[i];
        if ((double)seen >= rank && latency->classes[i] > 0)
            return (double)least_of(i) / 1000.0;
    }
    return 0.0;
}
