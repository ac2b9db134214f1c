#include "flow.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <string.h>

enum {
    KEPT_BYTES_MAX = 64 * 1024, /* a larger buffer is freed when it is empty */
    PIECE_GAP_NS = 20 * 1000,   /* between segments of a route that has none */
};

void flow_init(struct flow *flow, const struct sim_route *route, size_t send_max,
               size_t receive_max)
{
    static uint64_t flows; /* each has its own stream of random numbers */

    *flow = (struct flow){.route = *route, .send_max = send_max, .receive_max = receive_max};
    flow->random = sim_random_of("flow");
    flow->random.state += ++flows;
}

void flow_on_change(struct flow *flow, flow_fn *changed, void *arg)
{
    flow->changed = changed;
    flow->arg = arg;
}

void flow_deinit(struct flow *flow)
{
    sim_event_stop(&flow->next);
    free(flow->bytes);
    free(flow->marks);
    flow->bytes = NULL;
    flow->marks = NULL;
    flow->len = flow->arrived = flow->mark_count = flow->mark_room = flow->room = 0;
}

/* Arriving */

static struct flow_mark *first_mark(const struct flow *flow)
{
    return &flow->marks[flow->mark_first];
}

static void drop_mark(struct flow *flow)
{
    flow->mark_first = (flow->mark_first + 1) & (flow->mark_room - 1);
    flow->mark_count--;
}

/* Lets bytes of the first mark arrive. Returns whether all of them have. */
static bool take_bytes(struct flow *flow)
{
    const size_t due = flow->len - (size_t)(flow->sent - first_mark(flow)->end) - flow->arrived;
    const size_t room = flow->arrived < flow->receive_max ? flow->receive_max - flow->arrived : 0;
    const size_t n = due < room ? due : room;

    flow->arrived += n;
    return n == due;
}

/* Lets everything arrive that is due. Returns whether there was anything. */
static bool arrive(struct flow *flow)
{
    const size_t arrived = flow->arrived, marks = flow->mark_count;

    while (flow->mark_count > 0 && !flow->route.is_dead && first_mark(flow)->at_ns <= sim_now()) {
        const enum flow_mark_kind kind = first_mark(flow)->kind;

        if (kind == FLOW_BYTES && !take_bytes(flow))
            break;
        flow->has[kind] = true;
        drop_mark(flow);
    }
    return flow->arrived != arrived || flow->mark_count != marks;
}

static void on_arrival(void *arg);

/* Waits for the next mark, unless that one waits for room. */
static void plan(struct flow *flow)
{
    if (flow->mark_count == 0 || flow->route.is_dead || first_mark(flow)->at_ns <= sim_now())
        return;
    if (flow->next.place != 0 && flow->next.at_ns == first_mark(flow)->at_ns)
        return;
    flow->next.run = on_arrival;
    flow->next.arg = flow;
    sim_event_at(&flow->next, first_mark(flow)->at_ns);
}

static void tell(struct flow *flow)
{
    if (flow->changed != NULL)
        flow->changed(flow->arg);
}

static void advance(struct flow *flow)
{
    const bool has_news = arrive(flow);

    plan(flow);
    if (has_news)
        tell(flow);
}

static void on_arrival(void *arg)
{
    advance(arg);
}

/* Sending */

size_t flow_room(const struct flow *flow)
{
    const size_t waiting = flow_unarrived(flow);

    if (flow->send_max == 0) /* one buffer for both ends */
        return flow->len < flow->receive_max ? flow->receive_max - flow->len : 0;
    return waiting < flow->send_max ? flow->send_max - waiting : 0;
}

static void reserve(struct flow *flow, size_t len)
{
    if (flow->head + flow->len + len <= flow->room)
        return;
    if (flow->head > 0)
        memmove(flow->bytes, flow->bytes + flow->head, flow->len);
    flow->head = 0;
    if (flow->len + len <= flow->room)
        return;
    flow->room = 2 * (flow->len + len);
    flow->bytes = xrealloc(flow->bytes, flow->room);
}

static void add_mark(struct flow *flow, enum flow_mark_kind kind, uint64_t end, int64_t at_ns)
{
    if (flow->mark_count == flow->mark_room) {
        const size_t room = flow->mark_room == 0 ? 4 : 2 * flow->mark_room;
        struct flow_mark *marks = xcalloc(room, sizeof(*marks));

        for (size_t i = 0; i < flow->mark_count; i++)
            marks[i] = flow->marks[(flow->mark_first + i) & (flow->mark_room - 1)];
        free(flow->marks);
        flow->marks = marks;
        flow->mark_first = 0;
        flow->mark_room = room;
    }
    if (at_ns < flow->last_at_ns)
        at_ns = flow->last_at_ns;
    flow->last_at_ns = at_ns;
    flow->marks[(flow->mark_first + flow->mark_count++) & (flow->mark_room - 1)] =
        (struct flow_mark){kind, end, at_ns};
}

static int64_t arrival_ns(struct flow *flow)
{
    const struct sim_route *route = &flow->route;
    const uint64_t jitter = route->jitter_ns > 0 ? (uint64_t)route->jitter_ns : 0;

    return sim_now() + route->delay_ns +
           (jitter == 0 ? 0 : (int64_t)sim_random(&flow->random, jitter));
}

/* How many of len bytes arrive together. */
static size_t piece(struct flow *flow, size_t len)
{
    const struct sim_route *route = &flow->route;
    const size_t segment = route->segment == 0 || route->segment > len ? len : route->segment;

    if (segment < 2 || !sim_chance(&flow->random, route->cut))
        return segment;
    return 1 + sim_random(&flow->random, segment - 1);
}

static void add_marks(struct flow *flow, size_t len)
{
    const uint64_t first = flow->sent - len;
    int64_t at_ns = arrival_ns(flow);
    size_t n;

    for (size_t at = 0; at < len; at += n) {
        n = piece(flow, len - at);
        add_mark(flow, FLOW_BYTES, first + at + n, at_ns);
        at_ns = arrival_ns(flow);
        if (at_ns < flow->last_at_ns + PIECE_GAP_NS)
            at_ns = flow->last_at_ns + PIECE_GAP_NS;
    }
}

static bool is_immediate(const struct sim_route *route)
{
    return route->delay_ns == 0 && route->jitter_ns == 0 && route->segment == 0 &&
           route->cut <= 0.0 && !route->is_dead;
}

bool flow_is_blocked(const struct flow *flow)
{
    return flow->mark_count > 0 && !flow->route.is_dead && first_mark(flow)->at_ns <= sim_now();
}

/* Takes what the send buffer has room for. */
static size_t add_bytes(struct flow *flow, const char *bytes, size_t len)
{
    const size_t room = flow_room(flow), n = len < room ? len : room;

    if (n == 0)
        return 0;
    reserve(flow, n);
    memcpy(flow->bytes + flow->head + flow->len, bytes, n);
    flow->len += n;
    flow->sent += n;
    if (flow->mark_count == 0 && is_immediate(&flow->route) &&
        flow->arrived + n <= flow->receive_max) {
        flow->arrived += n;
        tell(flow);
        return n;
    }
    add_marks(flow, n);
    advance(flow);
    return n;
}

/* What arrives at once makes room for more. */
size_t flow_send(struct flow *flow, const void *bytes, size_t len)
{
    size_t all = 0, n = 1;

    for (; all < len && n > 0; all += n)
        n = add_bytes(flow, (const char *)bytes + all, len - all);
    return all;
}

void flow_mark(struct flow *flow, enum flow_mark_kind kind)
{
    add_mark(flow, kind, flow->sent, arrival_ns(flow));
    advance(flow);
}

void flow_set_route(struct flow *flow, const struct sim_route *route)
{
    const bool lives_again = flow->route.is_dead && !route->is_dead;

    flow->route = *route;
    if (lives_again) {
        flow->last_at_ns = arrival_ns(flow);
        for (size_t i = 0; i < flow->mark_count; i++) {
            struct flow_mark *mark = &flow->marks[(flow->mark_first + i) & (flow->mark_room - 1)];

            if (mark->at_ns < flow->last_at_ns)
                mark->at_ns = flow->last_at_ns;
        }
    }
    advance(flow);
}

/* Taking */

struct span flow_arrived(const struct flow *flow)
{
    return (struct span){flow->bytes == NULL ? "" : flow->bytes + flow->head, flow->arrived};
}

void flow_take(struct flow *flow, size_t len)
{
    flow->head += len;
    flow->len -= len;
    flow->arrived -= len;
    if (flow->len == 0) {
        flow->head = 0;
        if (flow->room > KEPT_BYTES_MAX) {
            free(flow->bytes);
            flow->bytes = NULL;
            flow->room = 0;
        }
    }
    if (flow->mark_count > 0)
        advance(flow);
}

void flow_drop_unsent(struct flow *flow)
{
    flow->len = flow->arrived;
    flow->mark_count = 0;
    sim_event_stop(&flow->next);
}
