/* resolver.c - queries a list of name servers in turn until one gives a useful answer.
 *
 * A server has about a second before the next one is queried as well. The first useful answer
 * counts. After a useless answer the next server is queried at once. A server that was silent or
 * unreachable is queried last for a while.
 *
 * Answers come from within c-ares' functions, during which its channel must not be freed. So an
 * answer is only stored, and delivered from the loop right after.
 *
 * c-ares 1.18 cannot cancel a query. An abandoned query stays in its channel until the server
 * answers or all tries are over. Abandoned queries have a limit of their own, so that they do not
 * delay the others. */
#include "podop/resolver.h"

#include "name_servers.h"

#include "podop/clock.h"
#include "podop/deadline.h"
#include "podop/deferred.h"
#include "podop/list.h"
#include "podop/mem.h"

#include <ev.h>

#include <stdio.h>
#include <stdlib.h>

enum {
    /* The next server is queried as well after an equal share of the time that is left, within
     * these limits. */
    PATIENCE_MS = 1000,
    PATIENCE_MIN_MS = 50,
    ABANDONED_MAX = 3500, /* with more abandoned queries, new calls wait */
};

struct resolver {
    struct ev_loop *loop;
    struct name_servers servers;
    struct deferred run; /* starts calls that wait */
    unsigned in_flight;  /* calls */
    unsigned abandoned;  /* queries */
    struct list waiting; /* calls, the oldest first */
};

/* A query to one server. */
struct query {
    struct resolver *resolver;
    struct name_server *server;
    struct resolver_call *call; /* NULL: abandoned */
    unsigned number;            /* index in the call's queries */
};

struct resolver_call {
    struct resolver *resolver;
    struct list_node node; /* in resolver->waiting */
    bool is_in_flight;
    enum dns_type type;
    resolver_done_fn *done;
    void *arg;
    uint64_t deadline_at_ms;
    struct deadline deadline;
    struct deadline patience; /* with the server that was queried last */
    struct deferred deliver;  /* the answer */
    unsigned char order[NAME_SERVERS_LIMIT];
    struct query *queries[NAME_SERVERS_LIMIT]; /* NULL: answered */
    unsigned sent, outstanding;                /* queries */
    bool was_silent;                           /* at least one server */
    const char *useless_reason; /* of the last useless answer; NULL: there was none */
    struct resolver_answer answer;
    char *message; /* owned; answer points into it */
    char name[];
};

/* Waiting */

static bool has_room(const struct resolver *r)
{
    return r->in_flight < RESOLVER_QUERIES_MAX && r->abandoned < ABANDONED_MAX;
}

static void run_soon(struct resolver *r)
{
    if (!list_is_empty(&r->waiting))
        deferred_start(&r->run);
}

/* The end of a call */

static void call_free(struct resolver_call *call)
{
    free(call->message);
    free(call);
}

/* Abandons the queries in progress. */
static void leave_servers(struct resolver_call *call)
{
    struct resolver *r = call->resolver;

    deadline_stop(&call->patience);
    for (unsigned i = 0; i < call->sent; i++) {
        if (call->queries[i] != NULL) {
            call->queries[i]->call = NULL;
            call->queries[i] = NULL;
            r->abandoned++;
        }
    }
    call->outstanding = 0;
    if (!call->is_in_flight)
        return;
    call->is_in_flight = false;
    r->in_flight--;
    run_soon(r);
}

/* Removes all references to the call but its owner's. */
static void detach(struct resolver_call *call)
{
    deadline_stop(&call->deadline);
    deferred_stop(&call->deliver);
    list_remove(&call->node);
    leave_servers(call);
}

static void on_deliver(void *arg)
{
    struct resolver_call *call = arg;

    detach(call);
    call->done(call->arg, &call->answer); /* may free the resolver */
    call_free(call);
}

static void on_deadline(void *arg)
{
    struct resolver_call *call = arg;

    for (unsigned i = 0; i < call->sent; i++) {
        if (call->queries[i] != NULL)
            name_server_avoid(call->queries[i]->server, clock_coarse_ms());
    }
    call->answer = (struct resolver_answer){
        .outcome = RESOLVER_TIMED_OUT,
        .reason = "no name server answered in time",
    };
    on_deliver(call);
}

static void conclude(struct resolver_call *call)
{
    leave_servers(call);
    deadline_stop(&call->deadline);
    deferred_start(&call->deliver);
}

/* Ends a call for which no server has a useful answer. */
static void give_up(struct resolver_call *call)
{
    const bool is_one = call->resolver->servers.count == 1;

    if (call->useless_reason != NULL)
        call->answer = (struct resolver_answer){RESOLVER_REFUSED, call->useless_reason, {0}};
    else
        call->answer = (struct resolver_answer){RESOLVER_FAILED,
                                                is_one ? "the name server cannot be reached"
                                                       : "no name server can be reached",
                                                {0}};
    conclude(call);
}

/* Answers */

/* Returns true if the answer is useful; then the call keeps it. */
static bool take(struct resolver_call *call, const struct dns_result *result)
{
    struct dns_answer dns = {.verdict = DNS_NO_NAME};

    if (result->kind == DNS_RESULT_MESSAGE) {
        dns_answer_read(result->message, call->type, &dns);
        if (dns.verdict == DNS_UNDECIDED) {
            call->useless_reason = dns.reason;
            return false;
        }
        call->message = xmemdup0(result->message.ptr, result->message.len);
        dns.message.ptr = call->message;
    }
    call->answer = (struct resolver_answer){.outcome = RESOLVER_ANSWERED, .dns = dns};
    return true;
}

static bool note(struct resolver_call *call, struct name_server *server,
                 const struct dns_result *result)
{
    if (result->kind == DNS_RESULT_SILENT || result->kind == DNS_RESULT_UNREACHABLE)
        name_server_avoid(server, clock_coarse_ms());
    else
        name_server_trust(server);
    switch (result->kind) {
    case DNS_RESULT_MESSAGE:
    case DNS_RESULT_NO_NAME: return take(call, result);
    case DNS_RESULT_FAILED: call->useless_reason = result->reason; break;
    case DNS_RESULT_SILENT: call->was_silent = true; break;
    case DNS_RESULT_UNREACHABLE: break;
    }
    return false;
}

static void go_on(struct resolver_call *call);

static void on_result(void *arg, const struct dns_result *result)
{
    struct query *q = arg;
    struct resolver_call *call = q->call;
    struct resolver *r = q->resolver;
    const bool was_last = call != NULL && q->number + 1 == call->sent;

    if (call == NULL) {
        r->abandoned--;
        run_soon(r);
        free(q);
        return;
    }
    call->queries[q->number] = NULL;
    call->outstanding--;
    if (note(call, q->server, result))
        conclude(call);
    else if (was_last) /* a later server still has its time */
        go_on(call);
    free(q);
}

/* Queries */

static uint32_t patience_ms(const struct resolver_call *call)
{
    const uint64_t now_ms = service_now_ms(call->resolver->loop);
    const uint64_t left_ms = call->deadline_at_ms > now_ms ? call->deadline_at_ms - now_ms : 0;
    const uint64_t share_ms = left_ms / (call->resolver->servers.count - call->sent + 1);

    if (share_ms >= PATIENCE_MS)
        return PATIENCE_MS;
    return share_ms < PATIENCE_MIN_MS ? PATIENCE_MIN_MS : (uint32_t)share_ms;
}

static void query_next(struct resolver_call *call)
{
    struct resolver *r = call->resolver;
    struct query *q = xmalloc(sizeof(*q));

    *q = (struct query){r, &r->servers.list[call->order[call->sent]], call, call->sent};
    call->queries[call->sent++] = q;
    call->outstanding++;
    deadline_start_in(&call->patience, r->loop, patience_ms(call));
    dns_channel_query(q->server->channel, call->name, call->type, on_result, q); /* may end it */
}

/* Starts again with silent servers, so that only the deadline ends a call. Later versions of c-ares
 * finish their tries within seconds. */
static void query_again(struct resolver_call *call)
{
    call->sent = 0;
    call->was_silent = false;
    name_servers_in_order(&call->resolver->servers, clock_coarse_ms(), call->order);
    query_next(call);
}

/* Goes on after the server that was queried last did not help. Earlier servers have had their time.
 */
static void go_on(struct resolver_call *call)
{
    deadline_stop(&call->patience);
    if (call->sent < call->resolver->servers.count)
        query_next(call);
    else if (call->useless_reason != NULL || (call->outstanding == 0 && !call->was_silent))
        give_up(call);
    else if (call->outstanding == 0)
        query_again(call);
}

static void on_patience(void *arg)
{
    struct resolver_call *call = arg;
    struct query *q = call->queries[call->sent - 1];

    if (q != NULL)
        name_server_avoid(q->server, clock_coarse_ms());
    call->was_silent = true;
    go_on(call);
}

static void send_now(struct resolver_call *call)
{
    call->is_in_flight = true;
    call->resolver->in_flight++;
    name_servers_in_order(&call->resolver->servers, clock_coarse_ms(), call->order);
    query_next(call);
}

static void on_run(void *arg)
{
    struct resolver *r = arg;

    while (!list_is_empty(&r->waiting) && has_room(r))
        send_now(CONTAINER_OF(list_pop(&r->waiting), struct resolver_call, node));
}

struct resolver_call *resolver_start(struct resolver *r, const char *name, enum dns_type type,
                                     uint64_t deadline_at_ms, resolver_done_fn *done, void *arg)
{
    size_t name_bytes = strlen(name) + 1;
    struct resolver_call *call = xmalloc(sizeof(*call) + name_bytes);

    *call = (struct resolver_call){.resolver = r, .type = type, .done = done, .arg = arg};
    call->deadline_at_ms = deadline_at_ms;
    memcpy(call->name, name, name_bytes);
    deferred_init(&call->deliver, r->loop, 0, on_deliver, call);
    deadline_init(&call->patience, on_patience, call);
    deadline_init(&call->deadline, on_deadline, call);
    deadline_start(&call->deadline, r->loop, deadline_at_ms);
    if (list_is_empty(&r->waiting) && has_room(r))
        send_now(call);
    else
        list_append(&r->waiting, &call->node);
    return call;
}

void resolver_cancel(struct resolver_call **pcall)
{
    struct resolver_call *call = *pcall;

    if (call == NULL)
        return;
    *pcall = NULL;
    detach(call);
    call_free(call);
}

/* Resolvers */

struct resolver *resolver_new(struct ev_loop *loop, const struct string_list *servers,
                              struct error *err)
{
    struct resolver *r = xcalloc(1, sizeof(*r));

    r->loop = loop;
    service_clock_hold(loop);
    list_init(&r->waiting);
    deferred_init(&r->run, loop, 0, on_run, r);
    if (name_servers_open(&r->servers, loop, servers, err) == -1)
        resolver_free(&r);
    return r;
}

void resolver_free(struct resolver **presolver)
{
    struct resolver *r = *presolver;

    if (r == NULL)
        return;
    *presolver = NULL;
    name_servers_close(&r->servers);
    deferred_stop(&r->run);
    service_clock_release(r->loop);
    free(r);
}

const char *resolver_version(void)
{
    return dns_channel_version();
}
