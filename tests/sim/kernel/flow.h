/* flow.h - bytes on their way in one direction, and what is told after them: the end, a close, a
 * reset. Everything arrives in the order in which it was sent. What has arrived and was not taken
 * is the receive buffer; the rest is in the send buffer or on the way. */
#ifndef SIM_FLOW_H
#define SIM_FLOW_H

#include "kernel.h"

#include "podop/span.h"

enum flow_mark_kind {
    FLOW_BYTES,
    FLOW_FIN,           /* the sender sends no more */
    FLOW_CLOSED,        /* the sender has closed a unix socket or a pipe */
    FLOW_CLOSED_UNREAD, /* the same, and had not read everything */
    FLOW_RESET,         /* TCP */
    FLOW_MARK_KINDS,
};

struct flow_mark {
    enum flow_mark_kind kind;
    uint64_t end; /* BYTES: of the flow's count */
    int64_t at_ns;
};

struct flow;
typedef void flow_fn(void *arg);

struct flow {
    char *bytes; /* the queue is [head, head + len) */
    size_t room, head, len;
    size_t arrived;          /* of len */
    uint64_t sent;           /* bytes in all */
    struct flow_mark *marks; /* a ring */
    size_t mark_first, mark_count, mark_room;
    int64_t last_at_ns; /* when the last mark arrives */
    struct sim_route route;
    struct sim_random random;
    size_t send_max, receive_max; /* bytes not arrived; arrived and not taken */
    bool has[FLOW_MARK_KINDS];    /* what has arrived */
    struct sim_event next;        /* the next mark arrives */
    flow_fn *changed;             /* something arrived */
    void *arg;
};

void flow_init(struct flow *flow, const struct sim_route *route, size_t send_max,
               size_t receive_max);
void flow_deinit(struct flow *flow);
void flow_on_change(struct flow *flow, flow_fn *changed, void *arg);
void flow_set_route(struct flow *flow, const struct sim_route *route);

size_t flow_room(const struct flow *flow);     /* how many bytes flow_send() would take */
bool flow_is_blocked(const struct flow *flow); /* the receive buffer is full */
size_t flow_send(struct flow *flow, const void *bytes, size_t len);
void flow_mark(struct flow *flow, enum flow_mark_kind kind);

struct span flow_arrived(const struct flow *flow);
void flow_take(struct flow *flow, size_t len); /* of what has arrived */
void flow_drop_unsent(struct flow *flow);      /* forgets what has not arrived, and all marks */

static inline size_t flow_unarrived(const struct flow *flow)
{
    return flow->len - flow->arrived;
}

#endif
