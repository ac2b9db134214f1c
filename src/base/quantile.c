#include "podop/quantile.h"

static double total_of(const struct histogram *h)
{
    double total = 0;

    for (size_t i = 0; i < h->buckets; i++)
        total += (double)h->counts[i];
    return total;
}

/* Returns the value at a place within bucket i, which is not empty. */
static int64_t within(const struct histogram *h, size_t i, double place)
{
    const double low = i == 0 ? 0 : h->bounds[i - 1];

    if (h->bounds[i] == 0)
        return (int64_t)low;
    return (int64_t)(low + (h->bounds[i] - low) * place / (double)h->counts[i]);
}

int64_t quantile_of(const struct histogram *h, unsigned per_mille)
{
    const double wanted = total_of(h) * per_mille / 1000.0;
    double below = 0;

    for (size_t i = 0; i < h->buckets; i++) {
        if (h->counts[i] > 0 && below + (double)h->counts[i] >= wanted)
            return within(h, i, wanted - below);
        below += (double)h->counts[i];
    }
    return QUANTILE_UNKNOWN;
}
