/* reply.h - the outcome of one request to a table, in terms that every protocol can express. */
#ifndef PODOP_REPLY_H
#define PODOP_REPLY_H

#include "podop/span.h"

#include <stdint.h>

enum reply_status {
    REPLY_FOUND,
    REPLY_MISS,      /* there is no such key; the only status that lets Postfix reject mail */
    REPLY_TEMPORARY, /* try again later */
    REPLY_TIMEOUT,   /* temporary: there was no time left */
    REPLY_UNCERTAIN, /* of a write: it was sent, but it is not known whether it was made */
    REPLY_PERMANENT, /* can never be answered: the request or the value is at fault */
};

/* Where the reply to a lookup came from. */
enum reply_source {
    REPLY_NOT_LOOKED_UP, /* the request was rejected before, or is not a lookup */
    REPLY_FROM_CACHE,    /* the cache, fresh */
    REPLY_STALE,         /* the cache, past its time: the backend failed */
    REPLY_ABSENT,        /* the backend: the cache had nothing */
    REPLY_NO_CACHE,      /* the backend: the table has no cache */
    REPLY_JOINED,        /* the backend, asked by another lookup of the same key */
    REPLY_PENDING,       /* a pending write; of a write: it is pending */
    REPLY_SKIPPED,       /* the table's patterns: the key is skipped */
};

struct reply {
    enum reply_status status;
    /* FOUND: for a Postfix map, a list as its items joined by ','; empty: Postfix must get a
     * miss */
    struct span map_value;
    struct span dict_value; /* FOUND: for a Dovecot dict, a list as compact JSON */
    struct span reason;     /* otherwise: the cause, for the client and for logs; never a secret */
    bool has_ttl_max; /* FOUND, MISS: it may be cached for ttl_max_ms at most; 0: not at all */
    uint32_t ttl_max_ms;
    enum reply_source source;
    unsigned http_status; /* of the HTTP answer that led to this reply; 0: none */
};

/* Returns "found", "miss", "temporary", "timeout", "uncertain" or "permanent", for logs. */
const char *reply_status_name(enum reply_status status);
/* Returns "fresh", "stale", "absent", "off", "joined", "held" or "skipped", for logs, or NULL
 * for REPLY_NOT_LOOKED_UP. */
const char *reply_source_name(enum reply_source source);

size_t reply_bytes(const struct reply *reply); /* number of bytes in its values and reason */
/* Returns a copy whose bytes are in *bytes, a block for free(). The block that was there before,
 * if any, is freed after the copy is made. */
struct reply reply_copy(const struct reply *reply, char **bytes);

#endif
