/* name_addresses.h - the addresses of one name over time: which are current, in which order they
 * are tried, and when they are asked for again. Pure: no I/O, no clock. Private to src/backend. */
#ifndef PODOP_BACKEND_NAME_ADDRESSES_H
#define PODOP_BACKEND_NAME_ADDRESSES_H

#include "podop/endpoint.h"

#include <stddef.h>

enum {
    NAME_ADDRESSES_MAX = 32, /* the others are not used */
    NAME_TTL_MIN_MS = 5000,
    NAME_TTL_MAX_MS = 60 * 1000,
    NAME_GONE_MS = 60 * 1000,  /* "no such name" has to be said for so long to be believed */
    NAME_AVOID_MS = 30 * 1000, /* an address that did not answer is tried last for so long */
};

enum name_verdict {
    NAME_RESOLVED, /* it has addresses */
    NAME_ABSENT,   /* somebody who has to know says that it has none */
    NAME_UNKNOWN,  /* nobody could tell */
};

/* What one round of questions brought. */
struct name_round {
    enum name_verdict verdict;
    const char *reason; /* unless RESOLVED; static */
    uint32_t ttl_s;     /* RESOLVED */
    bool keeps[2];      /* of IPv4, of IPv6: nothing was learnt, what was known stays */
    size_t count;
    struct endpoint addresses[NAME_ADDRESSES_MAX];
};

struct name_addresses {
    unsigned generation; /* another one whenever the addresses may have changed */
    size_t count;        /* 0: none is known */
    struct endpoint list[NAME_ADDRESSES_MAX];
    uint64_t avoided_until_ms[NAME_ADDRESSES_MAX];
    uint64_t absent_since_ms; /* 0: it is not said to be */
    const char *reason;       /* why the last round brought nothing; NULL: it did */
};

/* Takes over what was learnt. Without it, the addresses that are known stay: for ever where nobody
 * could tell, for NAME_GONE_MS where the name is said to be absent. Returns the milliseconds until
 * it has to be asked for again; 0: it need not, as nothing is known that could grow old. */
uint32_t name_addresses_take(struct name_addresses *addresses, const struct name_round *round,
                             uint64_t now_ms);

/* In the order of RFC 8305 section 4, IPv6 and IPv4 in turn, those that are avoided after all
 * others. Returns how many. */
size_t name_addresses_in_order(const struct name_addresses *addresses, uint64_t now_ms,
                               struct endpoint to[NAME_ADDRESSES_MAX]);

/* The address did not answer: it is tried last for a while. One that is not current is ignored. */
void name_addresses_avoid(struct name_addresses *addresses, const struct endpoint *address,
                          uint64_t now_ms);
void name_addresses_trust(struct name_addresses *addresses, const struct endpoint *address);

/* Whether a connection to the address leads to what the name stands for. True as well while nothing
 * is known, which no connection is closed for. */
bool name_addresses_has(const struct name_addresses *addresses, const struct endpoint *address);

#endif
