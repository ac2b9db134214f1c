/* name_addresses.h - the addresses of one name over time: which are current, in which order they
 * are tried, and when the name is resolved again. Pure: no I/O, no clock. Private to src/backend.
 */
#ifndef PODOP_BACKEND_DNS_NAME_ADDRESSES_H
#define PODOP_BACKEND_DNS_NAME_ADDRESSES_H

#include "podop/endpoint.h"

#include <stddef.h>

enum {
    NAME_ADDRESSES_MAX = 32, /* more are ignored */
    NAME_TTL_MIN_MS = 5000,
    NAME_TTL_MAX_MS = 60 * 1000,
    NAME_GONE_MS = 60 * 1000,  /* how long "no such name" must be repeated to be believed */
    NAME_AVOID_MS = 30 * 1000, /* how long an address that failed is tried last */
};

enum name_verdict {
    NAME_RESOLVED, /* it has addresses */
    NAME_ABSENT,   /* a useful answer says that it has none */
    NAME_UNKNOWN,  /* no useful answer */
};

/* The result of one round of questions. */
struct name_round {
    enum name_verdict verdict;
    const char *reason; /* unless RESOLVED; static */
    uint32_t ttl_s;     /* RESOLVED */
    bool keeps[2];      /* IPv4, IPv6: no answer for this family, keep what is known */
    size_t count;
    struct endpoint addresses[NAME_ADDRESSES_MAX];
};

struct name_addresses {
    unsigned generation; /* changes whenever the addresses may have changed */
    size_t count;        /* 0: none is known */
    struct endpoint list[NAME_ADDRESSES_MAX];
    uint64_t avoided_until_ms[NAME_ADDRESSES_MAX];
    uint64_t absent_since_ms; /* 0: it is not absent */
    const char *reason;       /* why the last round failed; NULL: it did not fail */
};

/* Applies the result of a round. After NAME_UNKNOWN the known addresses stay; after
 * NAME_ABSENT they stay until that has been repeated for NAME_GONE_MS. Returns the milliseconds
 * until the next round, or 0 when no address is known and no round is needed. */
uint32_t name_addresses_take(struct name_addresses *addresses, const struct name_round *round,
                             uint64_t now_ms);

/* Lists the addresses in the order of RFC 8305 section 4: IPv6 and IPv4 in turn, avoided addresses
 * after all others. Returns the count. */
size_t name_addresses_in_order(const struct name_addresses *addresses, uint64_t now_ms,
                               struct endpoint to[NAME_ADDRESSES_MAX]);

/* Let the address be tried last for NAME_AVOID_MS, and undo that. Unknown addresses are ignored. */
void name_addresses_avoid(struct name_addresses *addresses, const struct endpoint *address,
                          uint64_t now_ms);
void name_addresses_trust(struct name_addresses *addresses, const struct endpoint *address);

/* Returns whether the address is one of the name. Also true while no address is known, so that
 * connections stay open then. */
bool name_addresses_has(const struct name_addresses *addresses, const struct endpoint *address);

#endif
