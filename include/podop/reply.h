/* reply.h - what became of one request to a table, in terms that every protocol can tell. */
#ifndef PODOP_REPLY_H
#define PODOP_REPLY_H

#include "podop/span.h"

#include <stdint.h>

enum reply_status {
    REPLY_FOUND,
    REPLY_MISS,      /* there is no such key; the only status that lets Postfix reject mail */
    REPLY_TEMPORARY, /* try again later */
    REPLY_TIMEOUT,   /* temporary, for want of time */
    REPLY_UNCERTAIN, /* of a write: it was sent, and whether it was made is not known */
    REPLY_PERMANENT, /* can never be answered: the request or the value is at fault */
};

/* Where a lookup's reply was had from. */
enum reply_source {
    REPLY_NOT_LOOKED_UP, /* refused before that, or no reply to a lookup at all */
    REPLY_FROM_CACHE,    /* fresh */
    REPLY_STALE,         /* the cache's, past its time: asking failed */
    REPLY_ABSENT,        /* asked for: the cache had none */
    REPLY_NO_CACHE,      /* asked for: the table has no cache */
    REPLY_JOINED,        /* asked for by another lookup of the same key, which was under way */
    REPLY_PENDING,       /* from the writes that are held back; of a write: held back */
    REPLY_SKIPPED,       /* by the table's patterns */
};

struct reply {
    enum reply_status status;
    struct span map_value;  /* FOUND: as a Postfix map gets it, the items of a list joined by ',';
                             * empty is what Postfix has to be told as a miss */
    struct span dict_value; /* FOUND: as a Dovecot dict gets it, a list in compact JSON */
    struct span reason;     /* otherwise: for the client and its log; never a secret */
    bool has_ttl_max;       /* FOUND, MISS: it holds for ttl_max_ms and no longer; 0: not at all */
    uint32_t ttl_max_ms;
    enum reply_source source;
    unsigned http_status; /* of the HTTP answer that it is made of or failed with; 0: none */
};

/* "found", "miss", "temporary", "timeout", "uncertain", "permanent": for logs. */
const char *reply_status_name(enum reply_status status);
/* "fresh", "stale", "absent", "off", "joined", "held", "skipped": what the cache had to do with it;
 * NULL for REPLY_NOT_LOOKED_UP. */
const char *reply_source_name(enum reply_source source);

#endif
