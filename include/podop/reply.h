/* reply.h - the outcome of one request to a table, in terms that every protocol can express. */
#ifndef PODOP_REPLY_H
#define PODOP_REPLY_H

#include "podop/span.h"

#include <stdint.h>

enum reply_status {
    REPLY_FOUND,
    REPLY_MISS,      /* there is no such key; the only status that lets Postfix reject mail */
    REPLY_TEMPORARY, /* try again later */
    REPLY_TIMEOUT,   /* temporary: the deadline passed */
    REPLY_UNCERTAIN, /* of a write: it was sent, but it is not known whether it was made */
    REPLY_PERMANENT, /* can never succeed: the request or the stored value is invalid */
};

/* Where the reply to a lookup came from. */
enum reply_source {
    REPLY_NOT_LOOKED_UP, /* the request was rejected before, or is not a lookup */
    REPLY_FROM_CACHE,    /* the cache: a fresh entry */
    REPLY_STALE,         /* the cache: an expired entry, because the backend failed */
    REPLY_ABSENT,        /* the backend: the cache had nothing */
    REPLY_NO_CACHE,      /* the backend: the table has no cache */
    REPLY_JOINED,        /* the backend, asked by another lookup of the same key */
    REPLY_PENDING,       /* a pending write; as the reply to a write: that write is pending */
    REPLY_SKIPPED,       /* the table's skip patterns: the key matches one, so it is a miss */
};

struct reply {
    enum reply_status status;
    /* FOUND: the value for a Postfix map, in which the items of a list are joined by ','. An empty
     * one, which may stand for false, must be sent to Postfix as a miss. */
    struct span map_value;
    struct span dict_value; /* FOUND: the value for a Dovecot dict, in which a list is JSON */
    struct span reason;     /* otherwise: the cause, for the client and for logs; never a secret */
    bool has_ttl_max; /* FOUND, MISS: cache the reply for at most ttl_max_ms; 0: do not cache it */
    uint32_t ttl_max_ms;
    enum reply_source source;
    unsigned http_status; /* of the HTTP answer that led to this reply; 0: none */
};

/* Returns "found", "miss", "temporary", "timeout", "uncertain" or "permanent", for logs. */
const char *reply_status_name(enum reply_status status);
/* Returns "fresh", "stale", "absent", "off", "joined", "held" or "skipped", for logs, or NULL
 * for REPLY_NOT_LOOKED_UP. */
const char *reply_source_name(enum reply_source source);

/* Returns whether Postfix gets reply as "no such key": a miss, or an empty value. */
bool reply_is_miss(const struct reply *reply);

size_t reply_bytes(const struct reply *reply); /* number of bytes in its values and reason */
/* Returns a copy whose bytes are in *bytes, a block for free(). The block that was there before,
 * if any, is freed after the copy is made. */
struct reply reply_copy(const struct reply *reply, char **bytes);

#endif
