/* program_request.h - a request to a co-process, which waits for its answer. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_REQUEST_H
#define PODOP_TABLE_PROGRAM_PROGRAM_REQUEST_H

#include "program_wire.h"

#include "podop/deadline.h"

struct program_id;

enum program_failure {
    PROGRAM_UNREAD,  /* the process died before it could read the request */
    PROGRAM_DIED,    /* the process died before it answered */
    PROGRAM_OVERDUE, /* there was no answer by the deadline */
};

/* A request that waits for its answer. It is a part of its owner's struct, and zeroed but for what
 * the owner sets. */
struct program_request {
    const struct program_request_ops *ops;
    uint64_t deadline_at_ms;
    uint64_t key; /* program_key(); 0: it is for no single key */
    /* Set by program_set.c and program_ids.c: */
    struct program_id *id; /* NULL: nothing is under way */
    struct deadline deadline;
    bool is_second;
};

struct program_request_ops {
    bool may_ask_again; /* if the process ends, the request is sent to another one, once */
    bool has_parts;     /* an answer with "more" is one of several */
    /* Appends the line of the request. */
    void (*add)(struct program_request *request, uint64_t id, struct buf *out);
    /* One of the two ends the wait. After an answer with more, program_ask_more() begins another
     * wait. Each may free the struct that contains the request. */
    void (*answered)(struct program_request *request, const struct program_answer *answer);
    void (*failed)(struct program_request *request, enum program_failure failure,
                   struct span reason);
};

#endif
