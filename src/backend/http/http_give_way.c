#include "http_give_way.h"

#include "http_idle.h"

enum {
    /* A connection is starved after TIMES_USUAL times the usual wait, within these limits. */
    STARVED_MS = 150,
    TIMES_USUAL = 3,
    PATIENCE_MS_MAX = 2000,
    USELESS_PAUSE_MS = 10 * 1000, /* after giving way did not help; doubled each time */
    USELESS_PAUSE_MS_MAX = 640 * 1000,
    HELPED_MS = 60 * 1000, /* after giving way has helped, room is made at once for this long */
    USUAL_COUNT = 8,       /* the usual wait is an average of about this many */
};

static uint64_t now_ms(const struct http_connection *c)
{
    return turns_now_ms(c->http->turns);
}

static uint64_t usual_ms(const struct http_connection *c)
{
    const struct http_usual *usual = &c->host->give_way.usual[c->wait.kind];

    return usual->count == 0 ? 0 : usual->sum_ms / usual->count;
}

static void learn(struct http_connection *c, uint64_t waited_ms)
{
    struct http_usual *usual = &c->host->give_way.usual[c->wait.kind];

    if (usual->count == USUAL_COUNT)
        usual->sum_ms -= usual->sum_ms / USUAL_COUNT;
    else
        usual->count++;
    usual->sum_ms += waited_ms;
}

static uint64_t patience_ms(const struct http_connection *c)
{
    const uint64_t ms = TIMES_USUAL * usual_ms(c);

    if (ms > PATIENCE_MS_MAX)
        return PATIENCE_MS_MAX;
    return ms > STARVED_MS ? ms : STARVED_MS;
}

/* Returns whether this many idle connections may keep the host from serving a new one. */
static bool may_block_new(const struct http_host *host, uint32_t idle_count)
{
    return idle_count > host->give_way.served_beside;
}

static bool is_starved(const struct http_connection *c)
{
    return list_has(&c->wait.starved);
}

/* Notes that idle connections are closed from now on. */
static void give_way(struct http_host *host, uint64_t at_ms)
{
    if (host->give_way.gave_way_at_ms == 0)
        host->give_way.gave_way_at_ms = at_ms;
    host->give_way.last_gave_way_at_ms = at_ms;
}

static void note_useless(struct http_connection *c)
{
    struct http_give_way *g = &c->host->give_way;

    list_remove(&c->wait.starved);
    if (g->pause_ms == 0)
        g->pause_ms = USELESS_PAUSE_MS;
    else if (g->pause_ms < USELESS_PAUSE_MS_MAX)
        g->pause_ms *= 2;
    g->paused_until_ms = now_ms(c) + g->pause_ms;
    g->gave_way_at_ms = g->makes_room_until_ms = 0;
}

static void note_helpful(struct http_give_way *g, uint64_t at_ms)
{
    g->gave_way_at_ms = 0;
    g->pause_ms = 0;
    g->makes_room_until_ms = at_ms + HELPED_MS;
}

/* Returns when it will be known whether giving way has helped. */
static uint64_t verdict_at_ms(const struct http_connection *c)
{
    return c->host->give_way.gave_way_at_ms + patience_ms(c);
}

static void set_deadline(struct http_connection *c, uint64_t at_ms)
{
    deadline_start(&c->wait.deadline, c->http->loop, at_ms);
}

static void become_starved(struct http_connection *c, uint64_t at_ms)
{
    struct http_host *host = c->host;

    if (!is_starved(c))
        list_prepend(&host->give_way.starved, &c->wait.starved);
    if (may_block_new(host, host->idle_count)) {
        give_way(host, at_ms);
        http_idle_close_all(host);
    }
    set_deadline(c, host->give_way.gave_way_at_ms == 0 ? at_ms + patience_ms(c) : verdict_at_ms(c));
}

static void on_deadline(void *arg)
{
    struct http_connection *c = arg;
    const struct http_give_way *g = &c->host->give_way;
    const uint64_t at_ms = now_ms(c);
    const uint64_t starved_at_ms = c->wait.since_ms + patience_ms(c);

    if (!is_starved(c) && at_ms < starved_at_ms) /* the usual wait has become longer meanwhile */
        set_deadline(c, starved_at_ms);
    else if (at_ms < g->paused_until_ms)
        return;
    else if (is_starved(c) && g->gave_way_at_ms != 0 && at_ms >= verdict_at_ms(c))
        note_useless(c);
    else
        become_starved(c, at_ms);
}

void http_give_way_begin(struct http_connection *c, enum http_wait_kind kind)
{
    c->wait.kind = kind;
    c->wait.since_ms = now_ms(c);
    if (c->was_used)
        return;
    c->wait.freed_at_ms = 0;
    deadline_init(&c->wait.deadline, on_deadline, c);
    set_deadline(c, c->wait.since_ms + patience_ms(c));
}

void http_give_way_end(struct http_connection *c)
{
    deadline_stop(&c->wait.deadline);
    list_remove(&c->wait.starved);
}

/* Returns whether c has waited since before idle connections were closed. */
static bool has_waited_through(const struct http_connection *c, uint64_t gave_way_at_ms)
{
    return gave_way_at_ms != 0 && !c->was_used && c->wait.since_ms <= gave_way_at_ms;
}

/* Notes that the host served a new connection while others were idle, unless it has closed
 * those. */
static void note_served_beside(struct http_connection *c)
{
    struct http_host *host = c->host;

    if (may_block_new(host, host->idle_count) && http_wire_is_silent(&http_idle_newest(host)->wire))
        host->give_way.served_beside = host->idle_count;
}

void http_give_way_served(struct http_connection *c)
{
    struct http_give_way *g = &c->host->give_way;

    if (!has_waited_through(c, g->last_gave_way_at_ms))
        learn(c, now_ms(c) - c->wait.since_ms);
    if (c->was_used)
        return;
    if (has_waited_through(c, g->gave_way_at_ms))
        note_helpful(g, now_ms(c));
    if (c->wait.kind == HTTP_WAIT_ANSWER)
        note_served_beside(c);
    http_give_way_end(c);
}

/* Handles another connection that becomes idle while c is starved. Returns whether STARVED_MS
 * have passed since the first one did so, in which c might have been served. */
static bool has_seen_enough(struct http_connection *c)
{
    const uint64_t at_ms = now_ms(c);

    if (at_ms < c->host->give_way.makes_room_until_ms)
        return true;
    if (c->wait.freed_at_ms == 0) {
        c->wait.freed_at_ms = at_ms;
        set_deadline(c, at_ms + STARVED_MS);
    }
    return at_ms >= c->wait.freed_at_ms + STARVED_MS;
}

bool http_give_way_must_close(struct http_connection *c)
{
    struct http_host *host = c->host;
    bool is_enough = false;

    if (list_is_empty(&host->give_way.starved) || !may_block_new(host, host->idle_count + 1))
        return false;
    LIST_FOR_EACH (at, &host->give_way.starved)
        is_enough |= has_seen_enough(CONTAINER_OF(at, struct http_connection, wait.starved));
    if (is_enough)
        give_way(host, now_ms(c));
    return is_enough;
}

void http_give_way_make_room(struct http_host *host, uint64_t at_ms)
{
    if (at_ms < host->give_way.makes_room_until_ms && may_block_new(host, host->idle_count))
        http_idle_close_all(host);
}
