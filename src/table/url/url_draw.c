#include "url_draw.h"

/* Returns a number below count, which must be at least 1. */
static size_t below(struct url_draw *draw, size_t count)
{
    uint64_t z = draw->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return (size_t)(((z ^ z >> 31) >> 32) * (uint64_t)count >> 32);
}

/* Returns the nth of the servers that may be drawn. There are more than nth. */
static size_t find(size_t at, size_t nth, url_draw_load_fn *load, const void *arg)
{
    while (load(arg, at) == URL_DRAW_NEVER || nth-- > 0)
        at++;
    return at;
}

size_t url_draw_take(struct url_draw *draw, size_t begin, size_t end, url_draw_load_fn *load,
                     const void *arg)
{
    size_t count = 0, first, second, a, b;

    for (size_t i = begin; i < end; i++)
        count += load(arg, i) != URL_DRAW_NEVER;
    if (count == 0)
        return end;
    first = below(draw, count);
    a = find(begin, first, load, arg);
    if (count == 1)
        return a;
    second = below(draw, count - 1); /* any but the first */
    b = find(begin, second + (second >= first), load, arg);
    return load(arg, b) < load(arg, a) ? b : a;
}
