#include "name_addresses.h"

/* Returns the index of the address, or count. */
static size_t find(const struct name_addresses *a, const struct endpoint *address)
{
    size_t i = 0;

    while (i < a->count && !endpoint_is_same_address(&a->list[i], address))
        i++;
    return i;
}

static void add(struct name_addresses *a, const struct name_addresses *before,
                const struct endpoint *address)
{
    const size_t at = find(before, address);

    if (a->count == NAME_ADDRESSES_MAX || find(a, address) < a->count)
        return;
    a->avoided_until_ms[a->count] = at < before->count ? before->avoided_until_ms[at] : 0;
    a->list[a->count++] = *address;
}

static uint32_t bound_ttl_ms(uint32_t ttl_s)
{
    if (ttl_s < NAME_TTL_MIN_MS / 1000)
        return NAME_TTL_MIN_MS;
    return ttl_s > NAME_TTL_MAX_MS / 1000 ? NAME_TTL_MAX_MS : ttl_s * 1000;
}

static void replace(struct name_addresses *a, const struct name_round *round)
{
    const struct name_addresses before = *a;

    *a = (struct name_addresses){.generation = before.generation + 1};
    for (size_t i = 0; i < round->count; i++)
        add(a, &before, &round->addresses[i]);
    for (size_t i = 0; i < before.count; i++) {
        if (round->keeps[before.list[i].is_ipv6])
            add(a, &before, &before.list[i]);
    }
}

uint32_t name_addresses_take(struct name_addresses *a, const struct name_round *round,
                             uint64_t now_ms)
{
    if (round->verdict == NAME_RESOLVED) {
        replace(a, round);
        return bound_ttl_ms(round->ttl_s);
    }
    a->reason = round->reason;
    if (a->count == 0)
        return 0;
    if (round->verdict == NAME_ABSENT && a->absent_since_ms == 0)
        a->absent_since_ms = now_ms;
    if (round->verdict == NAME_ABSENT && now_ms - a->absent_since_ms >= NAME_GONE_MS) {
        *a = (struct name_addresses){.generation = a->generation + 1, .reason = round->reason};
        return 0;
    }
    return NAME_TTL_MIN_MS;
}

/* Returns the next index from at on with that family and state, or count. */
static size_t next_of(const struct name_addresses *a, size_t at, bool is_ipv6, bool is_avoided,
                      uint64_t now_ms)
{
    while (at < a->count &&
           (a->list[at].is_ipv6 != is_ipv6 || (a->avoided_until_ms[at] > now_ms) != is_avoided))
        at++;
    return at;
}

static size_t interleave(const struct name_addresses *a, bool is_avoided, uint64_t now_ms,
                         struct endpoint *to)
{
    size_t at[2] = {next_of(a, 0, false, is_avoided, now_ms),
                    next_of(a, 0, true, is_avoided, now_ms)};
    size_t count = 0;

    for (bool is_ipv6 = true; at[0] < a->count || at[1] < a->count; is_ipv6 = !is_ipv6) {
        if (at[is_ipv6] == a->count)
            continue;
        to[count++] = a->list[at[is_ipv6]];
        at[is_ipv6] = next_of(a, at[is_ipv6] + 1, is_ipv6, is_avoided, now_ms);
    }
    return count;
}

size_t name_addresses_in_order(const struct name_addresses *a, uint64_t now_ms,
                               struct endpoint to[NAME_ADDRESSES_MAX])
{
    const size_t count = interleave(a, false, now_ms, to);

    return count + interleave(a, true, now_ms, to + count);
}

void name_addresses_avoid(struct name_addresses *a, const struct endpoint *address, uint64_t now_ms)
{
    const size_t at = find(a, address);

    if (at < a->count)
        a->avoided_until_ms[at] = now_ms + NAME_AVOID_MS;
}

void name_addresses_trust(struct name_addresses *a, const struct endpoint *address)
{
    const size_t at = find(a, address);

    if (at < a->count)
        a->avoided_until_ms[at] = 0;
}

bool name_addresses_has(const struct name_addresses *a, const struct endpoint *address)
{
    return a->count == 0 || find(a, address) < a->count;
}
