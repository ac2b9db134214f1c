#include "http_backend.h"

#include "http_backend_state.h"

#include <stdio.h>
#include <string.h>

const char *const http_fault_names[HTTP_FAULTS] = {
    [HTTP_WELL] = "well",
    [HTTP_500] = "500",
    [HTTP_503] = "503",
    [HTTP_CLOSE] = "close",
    [HTTP_RESET] = "reset",
    [HTTP_TRUNCATE] = "truncate",
    [HTTP_GARBAGE] = "garbage",
    [HTTP_LENGTH] = "wrong length",
    [HTTP_HANG] = "hang",
    [HTTP_DRIP] = "drip",
    [HTTP_LATE] = "late",
    [HTTP_REFUSES_WRITE] = "refuses writes",
    [HTTP_NOT_FOUND] = "404",
    [HTTP_TELLS_FAILURE] = "tells a failure",
    [HTTP_UNNOTIFIED] = "no close_notify",
};

const char *const http_outage_names[HTTP_OUTAGES] = {
    [HTTP_UP] = "up",
    [HTTP_DOWN] = "down",
    [HTTP_CLOSED] = "closed",
    [HTTP_FROZEN] = "frozen",
    [HTTP_DROPS] = "drops",
    [HTTP_DEAD_ROUTE] = "dead route",
    [HTTP_VANISHED] = "host vanishes",
    [HTTP_ALL_500] = "all 500",
    [HTTP_ALL_BROKEN] = "all broken",
    [HTTP_TLS_HANGS] = "TLS hangs",
    [HTTP_TLS_FAILS] = "TLS fails",
};

static const enum judge_outage excuses[HTTP_OUTAGES] = {
    [HTTP_UP] = JUDGE_OUTAGES,       [HTTP_DOWN] = JUDGE_REFUSED,
    [HTTP_CLOSED] = JUDGE_REFUSED,   [HTTP_FROZEN] = JUDGE_SILENT,
    [HTTP_DROPS] = JUDGE_SILENT,     [HTTP_DEAD_ROUTE] = JUDGE_SILENT,
    [HTTP_ALL_500] = JUDGE_STATUS,   [HTTP_ALL_BROKEN] = JUDGE_BROKEN,
    [HTTP_TLS_HANGS] = JUDGE_SILENT, [HTTP_TLS_FAILS] = JUDGE_UNSENT,
    [HTTP_VANISHED] = JUDGE_SILENT,
};

enum { CLIENTS = 32 }; /* more or less, that ask one backend at a time */

static void outage_over(void *arg);
static void drop_over(void *arg);
static void move_over(void *arg);

static void listen_again(struct http_backend *b)
{
    if (b->server != NULL)
        return;
    b->server = sim_serve(b->address, web_connected, b);
    sim_server_route(b->server, b->route);
}

struct http_backend *http_backend_new(const struct scene_backend *backend, struct ledger *ledger,
                                      unsigned max_connections)
{
    struct http_backend *b = xcalloc(1, sizeof(*b));
    char name[100];

    snprintf(name, sizeof(name), "backend.%s", backend->name);
    b->scene = backend;
    b->ledger = ledger;
    b->truth = judge_store_of(backend);
    b->address = xstrdup(backend->address);
    b->random = sim_random_of(name);
    b->identity =
        (struct tls_identity){scene_host(backend, b->host, sizeof(b->host)), backend->authority};
    b->max_connections = max_connections;
    b->thawed_ns = INT64_MIN / 2;
    list_init(&b->connections);
    sim_event_init(&b->outage_end, outage_over, b);
    sim_event_init(&b->drop_end, drop_over, b);
    sim_event_init(&b->move_end, move_over, b);
    listen_again(b);
    return b;
}

static void end_all(struct http_backend *b, double reset_share)
{
    struct list_node *node, *next;
    size_t ended = 0;

    for (node = b->connections.ring.next; node != &b->connections.ring; node = next) {
        struct http_connection *c = CONTAINER_OF(node, struct http_connection, node);

        next = node->next;
        if (c->step == HTTP_ENDING)
            continue;
        web_connection_end(c, sim_chance(&b->random, reset_share));
        ended++;
    }
    judge_cut(b->scene, ended);
}

static void hold_all(struct http_backend *b, bool is_held)
{
    for (struct list_node *node = b->connections.ring.next; node != &b->connections.ring;
         node = node->next)
        web_connection_hold(CONTAINER_OF(node, struct http_connection, node), is_held);
    if (!is_held)
        b->thawed_ns = sim_now();
}

void http_backend_free(struct http_backend **pbackend)
{
    struct http_backend *b = *pbackend;

    if (b == NULL)
        return;
    *pbackend = NULL;
    sim_event_stop(&b->outage_end);
    sim_event_stop(&b->drop_end);
    sim_event_stop(&b->move_end);
    while (!list_is_empty(&b->connections))
        web_connection_free(CONTAINER_OF(b->connections.ring.next, struct http_connection, node));
    if (b->server != NULL)
        sim_server_stop(&b->server);
    free(b->address);
    free(b);
}

/* A new connection and a request go there and back twice, and each segment may wait. All clients
 * share the connections of the pool, so that requests wait for others. */
static void tell_slowness(const struct http_backend *b)
{
    const int64_t way_ns = b->route.delay_ns + b->route.jitter_ns;
    const int64_t ways =
        b->scene->authority == NULL ? 6 : 14; /* a handshake has up to two rounds */
    const int64_t own_ns = ways * way_ns + b->manner.latency_ns + b->manner.jitter_ns;

    judge_slowness(b->scene, own_ns + own_ns * CLIENTS / b->max_connections);
}

void http_backend_manner(struct http_backend *b, struct http_manner manner)
{
    b->manner = manner;
    tell_slowness(b);
}

void http_backend_tls(struct http_backend *b, const struct tls_manner *manner)
{
    const enum tls_fault fault = b->tls.fault; /* of an outage */

    b->tls = *manner;
    b->tls.fault = fault;
}

void http_backend_route(struct http_backend *b, struct sim_route route)
{
    b->route = route;
    if (b->server != NULL)
        sim_server_route(b->server, route);
    tell_slowness(b);
}

/* Faults of one key */

enum http_fault http_backend_fault(struct http_backend *b, const struct truth_key *key)
{
    for (size_t i = 0; key != NULL && i < HTTP_POISONS_MAX; i++) {
        if (b->poisons[i].key == key && b->poisons[i].until_ns > sim_now())
            return b->poisons[i].fault;
    }
    if (b->outage == HTTP_ALL_500)
        return sim_chance(&b->random, 0.5) ? HTTP_500 : HTTP_503;
    if (b->outage == HTTP_ALL_BROKEN)
        return HTTP_500 + (enum http_fault)sim_random(&b->random, HTTP_REFUSES_WRITE - HTTP_500);
    return HTTP_WELL;
}

void http_backend_poison(struct http_backend *b, const struct truth_key *key, enum http_fault fault,
                         int64_t ns)
{
    struct poison *poison = &b->poisons[0];

    for (size_t i = 0; i < HTTP_POISONS_MAX; i++) {
        if (b->poisons[i].key == key)
            poison = &b->poisons[i];
        else if (poison->key != key && b->poisons[i].until_ns < poison->until_ns)
            poison = &b->poisons[i];
    }
    *poison = (struct poison){key, fault, sim_now() + ns};
    sim_trace("%s: %s %s for %.3f s", b->scene->name, http_fault_names[fault], truth_name(key),
              (double)ns / 1e9);
}

/* Faults of all */

/* A SYN that was dropped is sent again after 1, 3 or 7 seconds only, if podop still waits then. */
static const int64_t syn_again_ns = INT64_C(4000000000);

static void drop_over(void *arg)
{
    struct http_backend *b = arg;

    if (!b->is_drop_felt)
        return;
    sim_event_stop(&b->drop_end);
    b->is_drop_felt = false;
    judge_back(b->scene, JUDGE_SILENT);
}

/* A server that hung goes on with its handshakes. */
static void thaw_all(struct http_backend *b)
{
    LIST_FOR_EACH (node, &b->connections)
        tls_server_thaw(CONTAINER_OF(node, struct http_connection, node)->tls);
}

static bool is_unreachable(enum http_outage outage)
{
    return outage == HTTP_DROPS || outage == HTTP_DEAD_ROUTE || outage == HTTP_VANISHED;
}

static void vanish_all(struct http_backend *b)
{
    LIST_FOR_EACH (node, &b->connections)
        web_connection_vanish(CONTAINER_OF(node, struct http_connection, node));
}

static void forget_all(struct http_backend *b)
{
    judge_cut(b->scene, list_count(&b->connections));
    LIST_FOR_EACH_SAFE (node, &b->connections)
        web_connection_forget(CONTAINER_OF(node, struct http_connection, node));
}

static void outage_over(void *arg)
{
    struct http_backend *b = arg;
    const enum http_outage outage = b->outage;

    if (outage == HTTP_UP)
        return;
    sim_event_stop(&b->outage_end);
    b->outage = HTTP_UP;
    sim_trace("%s: the end of '%s'", b->scene->name, http_outage_names[outage]);
    b->tls.fault = TLS_WELL;
    if (outage == HTTP_TLS_HANGS)
        thaw_all(b);
    if (outage == HTTP_FROZEN)
        sim_server_freeze(b->server, false);
    if (is_unreachable(outage))
        sim_server_drop(b->server, false);
    if (outage == HTTP_VANISHED)
        forget_all(b);
    if (outage == HTTP_FROZEN || outage == HTTP_DEAD_ROUTE)
        hold_all(b, false);
    listen_again(b);
    if (is_unreachable(outage)) {
        b->is_drop_felt = true;
        sim_event_in(&b->drop_end, syn_again_ns);
        return;
    }
    judge_back(b->scene, excuses[outage]);
}

static void stop_listening(struct http_backend *b)
{
    const size_t unaccepted = b->server == NULL ? 0 : sim_server_stop(&b->server);

    if (unaccepted > 0)
        judge_cut(b->scene, unaccepted);
}

void http_backend_out(struct http_backend *b, enum http_outage outage, int64_t ns)
{
    outage_over(b);
    drop_over(b);
    if (outage == HTTP_UP)
        return;
    if (is_unreachable(outage) && b->scene->address[0] == '/')
        outage = HTTP_FROZEN; /* there is no network between two ends of a unix socket */
    b->outage = outage;
    if (outage == HTTP_TLS_HANGS)
        b->tls.fault = TLS_HANGS;
    if (outage == HTTP_TLS_FAILS)
        b->tls.fault =
            TLS_REFUSES + (enum tls_fault)sim_random(&b->random, TLS_FAULTS - TLS_REFUSES);
    sim_trace("%s: '%s' for %.3f s", b->scene->name, http_outage_names[outage], (double)ns / 1e9);
    judge_out(b->scene, excuses[outage]);
    if (outage == HTTP_DOWN || outage == HTTP_CLOSED)
        stop_listening(b);
    if (outage == HTTP_DOWN)
        end_all(b, 0.5);
    if (outage == HTTP_FROZEN)
        sim_server_freeze(b->server, true);
    if (is_unreachable(outage))
        sim_server_drop(b->server, true);
    if (outage == HTTP_VANISHED)
        vanish_all(b);
    if (outage == HTTP_FROZEN || outage == HTTP_DEAD_ROUTE)
        hold_all(b, true);
    sim_event_in(&b->outage_end, ns);
}

void http_backend_mend(struct http_backend *b)
{
    outage_over(b);
    memset(b->poisons, 0, sizeof(b->poisons));
    for (struct list_node *node = b->connections.ring.next; node != &b->connections.ring;
         node = node->next) {
        struct http_connection *c = CONTAINER_OF(node, struct http_connection, node);

        web_connection_mend(c);
    }
}

enum http_outage http_backend_state(const struct http_backend *b)
{
    return b->outage;
}

/* podop asks for the name again when connections fail, but not within a second after the last
 * answer, and then tries again within a tenth of a second. */
static const int64_t ask_again_ns = INT64_C(1100000000);

static void move_over(void *arg)
{
    struct http_backend *b = arg;

    b->is_move_felt = false;
    judge_back(b->scene, JUDGE_MOVED);
}

void http_backend_move(struct http_backend *b, const char *address)
{
    outage_over(b);
    sim_trace("%s moves to %s", b->scene->name, address);
    if (!b->is_move_felt && strcmp(address, b->address) != 0) {
        b->is_move_felt = true;
        judge_out(b->scene, JUDGE_MOVED);
    }
    if (b->is_move_felt)
        sim_event_in(&b->move_end, ask_again_ns);
    stop_listening(b);
    end_all(b, 0.5);
    free(b->address);
    b->address = xstrdup(address);
    listen_again(b);
}

struct http_figures http_backend_figures(const struct http_backend *b)
{
    return b->figures;
}
