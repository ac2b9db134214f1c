/* speaker.h - how one of podop's clients asks, and how it reads what podop answers. Pure functions
 * over bytes. Private to podopctl. */
#ifndef PODOP_CTL_SPEAKER_H
#define PODOP_CTL_SPEAKER_H

#include "podop/buf.h"
#include "podop/parse.h"
#include "podop/reply.h"

enum operation { OPERATION_GET, OPERATION_SET, OPERATION_UNSET, OPERATION_INC, OPERATION_ITERATE };

struct question {
    enum operation operation;
    struct span table;
    struct span key;         /* of ITERATE, the path */
    const char *user;        /* NULL: a key that all share */
    struct span value;       /* of SET */
    const char *increment;   /* of INC, decimal */
    bool recurse, no_values; /* of ITERATE */
    uint64_t max_rows;       /* of ITERATE; 0: all */
};

enum heard_kind {
    HEARD_ANSWER, /* to the request with id, or for id 0 to the oldest */
    HEARD_ROW,    /* the same, of ITERATE, and more comes */
    HEARD_ID,     /* the oldest request that has none has this id */
};

struct heard {
    enum heard_kind kind;
    uint32_t id;
    enum reply_status status;
    struct span key;  /* of a row */
    struct span text; /* the value, or the reason */
};

struct speaker {
    void (*greet)(struct buf *out, struct span table); /* NULL: nothing is said first */
    /* number counts the requests of a connection from 1. */
    void (*ask)(struct buf *out, const struct question *question, uint32_t number);
    /* Takes one thing that podop says off the front of in: PARSE_DONE with *used bytes to drop, and
     * *heard pointing into in or scratch; PARSE_MORE; PARSE_BAD: no podop talks like that. */
    enum parse (*hear)(struct span in, enum operation operation, struct buf *scratch,
                       struct heard *heard, size_t *used);
};

extern const struct speaker speaker_postfix; /* can do nothing but OPERATION_GET */
extern const struct speaker speaker_dovecot;

#endif
