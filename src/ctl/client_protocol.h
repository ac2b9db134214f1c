/* client_protocol.h - the client's side of a protocol that podop serves: encodes queries and
 * decodes replies. Pure functions over bytes. Private to podopctl. */
#ifndef PODOP_CTL_CLIENT_PROTOCOL_H
#define PODOP_CTL_CLIENT_PROTOCOL_H

#include "podop/buf.h"
#include "podop/parse.h"
#include "podop/reply.h"

enum operation { OPERATION_GET, OPERATION_SET, OPERATION_UNSET, OPERATION_INC, OPERATION_ITERATE };

struct query {
    enum operation operation;
    struct span table;
    struct span key;         /* ITERATE: the path */
    const char *user;        /* NULL: a shared key */
    struct span value;       /* SET */
    const char *increment;   /* INC, in decimal */
    bool recurse, no_values; /* ITERATE */
    uint64_t max_rows;       /* ITERATE; 0: all */
};

enum decoded_kind {
    DECODED_ANSWER, /* for the query with this id, or with id 0 for the oldest one */
    DECODED_ROW,    /* the same for ITERATE, where more follows */
    DECODED_ID,     /* announces the id of the oldest query that has none */
};

struct decoded_reply {
    enum decoded_kind kind;
    uint32_t id;
    enum reply_status status;
    struct span key;  /* ROW */
    struct span text; /* the value, or the reason of a failure */
};

struct client_protocol {
    void (*hello)(struct buf *out, struct span table); /* begins a connection; may be NULL */
    /* Appends a query. number counts the queries of a connection from 1. */
    void (*encode)(struct buf *out, const struct query *query, uint32_t number);
    /* Decodes one message at the beginning of in. PARSE_DONE: *used bytes are to be dropped, and
     * reply points into in or scratch. PARSE_MORE: the message is incomplete. PARSE_BAD: the peer
     * violates the protocol. */
    enum parse (*decode)(struct span in, enum operation operation, struct buf *scratch,
                         struct decoded_reply *reply, size_t *used);
};

extern const struct client_protocol postfix_protocol; /* OPERATION_GET only */
extern const struct client_protocol dovecot_protocol;

#endif
