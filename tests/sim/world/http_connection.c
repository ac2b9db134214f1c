/* http_connection.c - a connection of podop to an HTTP backend: one request after the other. */
#include "http_backend_state.h"

static const int64_t MS = 1000000, DRIP_NS = 40000000;

static void act(void *arg);
static size_t arrived(void *arg, const char *bytes, size_t len);
static void ended(void *arg, enum sim_end how);
static void has_room(void *arg);

static const struct sim_peer_ops ops = {arrived, ended, has_room};

bool web_connected(void *arg, struct sim_peer *peer)
{
    struct http_backend *b = arg;
    struct http_connection *c = xcalloc(1, sizeof(*c));

    c->backend = b;
    buf_init(&c->in, BUF_LIMITED_BY_INPUT);
    buf_init(&c->out, BUF_LIMITED_BY_INPUT);
    sim_event_init(&c->event, act, c);
    list_append(&b->connections, &c->node);
    if (b->scene->authority == NULL) {
        c->peer = peer;
        sim_peer_set(peer, &ops, c);
    } else {
        c->tls = tls_server_new(peer, &b->identity, &b->tls, &ops, c);
    }
    if (b->outage == HTTP_FROZEN || b->outage == HTTP_DEAD_ROUTE)
        web_connection_hold(c, true);
    if (b->outage == HTTP_VANISHED)
        web_connection_vanish(c);
    return true;
}

/* Hanging requests take connections of podop's pool: many of them delay all others. */
static void count_hanging(struct http_backend *b, int by)
{
    const unsigned limit = b->max_connections / 4 + 1;
    bool is_crowded;

    b->hanging += (unsigned)by;
    is_crowded = b->hanging >= limit;
    if (is_crowded == b->is_crowded)
        return;
    b->is_crowded = is_crowded;
    if (is_crowded)
        judge_out(b->scene, JUDGE_CROWDED);
    else
        judge_back(b->scene, JUDGE_CROWDED);
}

static void hang_over(struct http_connection *c)
{
    if (c->harmed == NULL)
        return;
    judge_harm_over(c->backend->scene, c->harmed);
    c->harmed = NULL;
    count_hanging(c->backend, -1);
}

static enum tls_end tls_end_of(const struct http_connection *c)
{
    if (c->resets)
        return TLS_END_RESET;
    if (!c->cuts)
        return TLS_END_NOTIFY;
    return sim_chance(&c->backend->random, 0.5) ? TLS_END_FIN : TLS_END_CUT;
}

static void hang_up(struct http_connection *c)
{
    if (c->tls != NULL)
        tls_server_close(&c->tls, tls_end_of(c));
    else if (c->resets)
        sim_peer_reset(&c->peer);
    else
        sim_peer_close(&c->peer); /* does nothing after web_connection_forget() */
}

void web_connection_free(struct http_connection *c)
{
    hang_over(c);
    sim_event_stop(&c->event);
    list_remove(&c->node);
    buf_deinit(&c->in);
    buf_deinit(&c->out);
    hang_up(c);
    free(c);
}

void web_connection_vanish(struct http_connection *c)
{
    struct sim_route route = c->backend->route;

    hang_over(c);
    sim_event_stop(&c->event);
    c->step = HTTP_VANISHED_HOST;
    route.is_dead = true;
    if (c->tls != NULL)
        tls_server_route(c->tls, route);
    else
        sim_peer_route(c->peer, route);
}

/* podop uses a kept connection, whose end it could not know. */
static void was_cut(void *arg)
{
    const struct http_backend *b = arg;

    judge_cut(b->scene, 1);
}

void web_connection_forget(struct http_connection *c)
{
    struct http_backend *b = c->backend;

    if (c->tls != NULL)
        tls_server_forget(&c->tls, b->route, was_cut, b);
    else
        sim_peer_forget(&c->peer, b->route, was_cut, b);
    web_connection_free(c);
}

void web_connection_hold(struct http_connection *c, bool is_held)
{
    if (c->tls != NULL)
        tls_server_hold(c->tls, is_held);
    else
        sim_peer_hold(c->peer, is_held);
}

void web_connection_end(struct http_connection *c, bool resets)
{
    hang_over(c);
    c->step = HTTP_ENDING;
    c->resets = resets;
    sim_event_in(&c->event, 0);
}

void web_connection_hang(struct http_connection *c, enum http_step step,
                         const struct truth_key *key, int64_t ns)
{
    c->step = step;
    c->harmed = key;
    judge_harm(c->backend->scene, key, JUDGE_HARM_HANG);
    count_hanging(c->backend, 1);
    if (step != HTTP_HANGING)
        sim_event_in(&c->event, ns);
}

void web_connection_mend(struct http_connection *c)
{
    if (c->step == HTTP_DRIPPING || c->step == HTTP_WAITING_LATE) {
        c->step = HTTP_WAITING_LATE;
        sim_event_in(&c->event, 0);
    } else if (c->step == HTTP_HANGING) {
        judge_harm(c->backend->scene, c->harmed, JUDGE_HARM_CUT);
        web_connection_end(c, false);
    }
}

/* Sends the first bytes of out that the connection takes. */
static void send_some(struct http_connection *c, size_t len)
{
    buf_drop(&c->out, c->tls != NULL ? tls_server_send(c->tls, c->out.ptr, len)
                                     : sim_peer_send(c->peer, c->out.ptr, len));
}

static bool happens(struct http_connection *c, double share)
{
    return c->tls != NULL && sim_chance(&c->backend->random, share);
}

/* What a server does with a connection that waits for the next request. */
static void be_idle(struct http_connection *c)
{
    const struct http_backend *b = c->backend;

    if (happens(c, b->tls.tickets))
        tls_server_ticket(c->tls);
    if (happens(c, b->tls.renegotiates / 4))
        tls_server_renegotiate(c->tls);
    if (b->manner.idle_ns > 0)
        sim_event_in(&c->event, b->manner.idle_ns);
}

void web_connection_send(struct http_connection *c)
{
    const bool begins = c->step != HTTP_SENDING;

    if (begins && happens(c, c->backend->tls.tickets))
        tls_server_ticket(c->tls);
    send_some(c, c->out.len);
    if (c->out.len > 0) {
        c->step = HTTP_SENDING; /* until has_room() */
        return;
    }
    c->served++;
    buf_clear(&c->in);
    c->step = HTTP_IDLE;
    if (c->closes_unsaid) /* podop may send a request meanwhile */
        judge_idle_ended(c->backend->scene);
    if (c->closes || c->has_left)
        web_connection_end(c, c->resets);
    else
        be_idle(c);
}

static void has_room(void *arg)
{
    struct http_connection *c = arg;

    if (c->out.len > 0 && c->step == HTTP_SENDING)
        web_connection_send(c);
}

static bool is_silent(const struct http_backend *b)
{
    return b->outage == HTTP_FROZEN || b->outage == HTTP_DEAD_ROUTE;
}

/* Ends a hang with the answer, which podop may still wait for. */
static void answer_at_last(struct http_connection *c)
{
    hang_over(c);
    if (!c->has_left)
        judge_outcome(&c->asked, JUDGE_ANSWERED);
    web_connection_send(c);
}

static void drip(struct http_connection *c)
{
    if (c->out.len > 1) {
        send_some(c, 1);
        sim_event_in(&c->event, DRIP_NS);
        return;
    }
    answer_at_last(c);
}

/* Sends an answer that nobody has asked for. On a route without delays, podop can know it before it
 * uses the connection again. Returns false when it does not. */
static bool speaks_unasked(struct http_connection *c)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\"unasked\"";
    const struct sim_route *route = &c->backend->route;

    if (route->delay_ns > 0 || route->segment > 0 || route->cut > 0 ||
        !sim_chance(&c->backend->random, c->backend->manner.twice))
        return false;
    if (c->tls != NULL)
        (void)tls_server_send(c->tls, answer, sizeof(answer) - 1);
    else
        (void)sim_peer_send(c->peer, answer, sizeof(answer) - 1);
    return true;
}

/* Ends a connection that is not used, as web servers do. */
static void end_idle(struct http_connection *c)
{
    if (speaks_unasked(c))
        return;
    judge_idle_ended(c->backend->scene);
    web_connection_end(c, false);
}

static void act(void *arg)
{
    struct http_connection *c = arg;

    if (is_silent(c->backend) && c->step != HTTP_ENDING) {
        sim_event_in(&c->event, 20 * MS);
        return;
    }
    switch (c->step) {
    case HTTP_IDLE: end_idle(c); break;
    case HTTP_THINKING: http_serve(c); break;
    case HTTP_DRIPPING: drip(c); break;
    case HTTP_WAITING_LATE: answer_at_last(c); break;
    case HTTP_SENDING:
    case HTTP_VANISHED_HOST:
    case HTTP_HANGING: break;
    case HTTP_ENDING: web_connection_free(c); break;
    }
}

/* How long a request waits for its answer: at least until podop's end of the connection would be
 * here, if podop has given the request up long ago. */
static int64_t latency(struct http_backend *b)
{
    int64_t ns = b->manner.latency_ns;

    if (b->manner.jitter_ns > 0)
        ns += (int64_t)sim_random(&b->random, (uint64_t)b->manner.jitter_ns);
    if (b->thawed_ns + 100 * MS > sim_now())
        ns += MS;
    return ns;
}

static size_t arrived(void *arg, const char *bytes, size_t len)
{
    struct http_connection *c = arg;
    size_t used;

    if (c->step == HTTP_ENDING || c->step == HTTP_VANISHED_HOST)
        return len;
    used = http_request_len((struct span){bytes, len});
    if (used == 0)
        return 0;
    if (c->step != HTTP_IDLE)
        sim_broken("a request before the answer to the one before it", "%s: %.*s",
                   c->backend->scene->name, (int)len, bytes);
    buf_add(&c->in, (struct span){bytes, used});
    c->step = HTTP_THINKING;
    if (happens(c, c->backend->tls.renegotiates))
        tls_server_renegotiate(c->tls);
    sim_event_in(&c->event, latency(c->backend));
    return used;
}

static void ended(void *arg, enum sim_end how)
{
    struct http_connection *c = arg;

    (void)how;
    c->has_left = true;
    if (c->step == HTTP_VANISHED_HOST)
        return;
    if (c->step != HTTP_ENDING && c->step != HTTP_THINKING) /* then http_serve() decides */
        web_connection_end(c, false);
}
