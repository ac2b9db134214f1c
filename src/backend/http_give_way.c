/* http_give_way.c - connections that nobody uses give way to a new one that gets no byte.
 *
 * A server that serves one connection at a time, or as many as it has threads, lets a new one wait
 * until an old one ends: which podop keeps for a minute. All that is seen of it is silence, as of a
 * server that is slow. A new connection is starved when it got nothing for longer than others to
 * this host usually wait, and for GIVE_WAY_MS at least. Then, where more are kept than the host has
 * ever been seen to serve a new one beside, they are closed, and so is what would be kept next.
 *
 * Where that does not help in time it was something else, and with this host it is not tried again
 * for a while, each time for twice as long. Where it does, new connections have room made for them
 * at once, for a while. */
#include "http_private.h"

#include "podop/deadline.h"

enum {
    GIVE_WAY_MS = 150,
    TIMES_USUAL = 3,              /* longer than usual */
    USELESS_PAUSE_MS = 10 * 1000, /* doubled each time */
    USELESS_PAUSE_MS_MAX = 640 * 1000,
    REMEMBERED_MS = 60 * 1000,
    WEIGHT = 8, /* of what was usual up to now, against what came last */
};

static uint64_t now_ms(const struct http_connection *c)
{
    return turns_now_ms(c->http->turns);
}

static uint64_t usual_ms(const struct http_connection *c)
{
    return c->host->wait.usual_weighted_ms[c->waits_for] / WEIGHT;
}

static void learn(struct http_connection *c, uint64_t waited_ms)
{
    uint64_t *weighted_ms = &c->host->wait.usual_weighted_ms[c->waits_for];

    *weighted_ms =
        *weighted_ms == 0 ? WEIGHT * waited_ms : *weighted_ms + waited_ms - *weighted_ms / WEIGHT;
}

static uint64_t patience_ms(const struct http_connection *c)
{
    const uint64_t ms = TIMES_USUAL * usual_ms(c);

    return ms > GIVE_WAY_MS ? ms : GIVE_WAY_MS;
}

/* Whether a server that serves no more than it has been seen to is held up by so many. */
static bool may_be_held_up(const struct http_host *host, uint32_t kept)
{
    return kept > host->wait.served_beside;
}

static void leave(struct http_connection *c)
{
    struct http_connection **link = &c->host->wait.starved;

    if (!c->is_starved)
        return;
    while (*link != c)
        link = &(*link)->next_starved;
    *link = c->next_starved;
    c->is_starved = false;
}

static void enter(struct http_connection *c)
{
    if (c->is_starved)
        return;
    c->is_starved = true;
    c->next_starved = c->host->wait.starved;
    c->host->wait.starved = c;
}

static void give_way(struct http_host *host, uint64_t at_ms)
{
    for (struct http_connection *c = host->wait.starved; c != NULL; c = c->next_starved) {
        if (c->gave_way_at_ms == 0)
            c->gave_way_at_ms = at_ms;
    }
}

static void was_useless(struct http_connection *c)
{
    struct http_waits *wait = &c->host->wait;

    leave(c);
    if (wait->pause_ms == 0)
        wait->pause_ms = USELESS_PAUSE_MS;
    else if (wait->pause_ms < USELESS_PAUSE_MS_MAX)
        wait->pause_ms *= 2;
    wait->paused_until_ms = now_ms(c) + wait->pause_ms;
    wait->makes_room_until_ms = 0;
}

static void was_of_use(struct http_connection *c)
{
    struct http_waits *wait = &c->host->wait;

    wait->helped_at_ms = now_ms(c);
    wait->pause_ms = 0;
    wait->makes_room_until_ms = wait->helped_at_ms + REMEMBERED_MS;
}

/* When it is known that it did not help: those before it have to be answered first. */
static uint64_t verdict_at_ms(const struct http_connection *c)
{
    const uint64_t helped_at_ms = c->host->wait.helped_at_ms;

    return patience_ms(c) + (c->gave_way_at_ms > helped_at_ms ? c->gave_way_at_ms : helped_at_ms);
}

static void on_starving(void *arg)
{
    struct http_connection *c = arg;
    struct http_host *host = c->host;
    const uint64_t at_ms = now_ms(c);
    const uint64_t starved_at_ms = c->waits_since_ms + patience_ms(c);

    if (at_ms < starved_at_ms) { /* others have turned out to wait as long */
        deadline_start(&c->starving, c->http->loop, starved_at_ms);
        return;
    }
    if (at_ms < host->wait.paused_until_ms)
        return;
    if (c->gave_way_at_ms != 0 && at_ms >= verdict_at_ms(c)) {
        was_useless(c);
        return;
    }
    enter(c);
    if (may_be_held_up(host, host->kept_count)) {
        give_way(host, at_ms);
        http_kept_close_all(host);
    }
    deadline_start(&c->starving, c->http->loop,
                   c->gave_way_at_ms == 0 ? at_ms + patience_ms(c) : verdict_at_ms(c));
}

void http_give_way_begin(struct http_connection *c, enum http_wait what)
{
    c->waits_for = what;
    c->waits_since_ms = now_ms(c);
    if (c->was_kept)
        return;
    c->gave_way_at_ms = 0;
    deadline_init(&c->starving, on_starving, c);
    deadline_start(&c->starving, c->http->loop, c->waits_since_ms + patience_ms(c));
}

void http_give_way_end(struct http_connection *c)
{
    deadline_stop(&c->starving);
    leave(c);
}

/* What was closed for c came too late to matter, or c had waited for that. */
static bool has_helped(const struct http_connection *c)
{
    return c->gave_way_at_ms != 0 && now_ms(c) - c->gave_way_at_ms >= usual_ms(c) / 2;
}

void http_give_way_served(struct http_connection *c)
{
    struct http_waits *wait = &c->host->wait;
    const uint32_t kept = c->host->kept_count;

    if (c->is_starved && has_helped(c))
        was_of_use(c);
    if (c->gave_way_at_ms == 0)
        learn(c, now_ms(c) - c->waits_since_ms);
    if (c->was_kept)
        return;
    if (c->waits_for == HTTP_WAIT_ANSWER && kept > wait->served_beside &&
        http_wire_is_silent(c->host->kept)) /* the server has not closed it */
        wait->served_beside = kept;
    http_give_way_end(c);
}

bool http_give_way_instead_of_keeping(struct http_connection *c)
{
    struct http_host *host = c->host;

    if (host->wait.starved == NULL || !may_be_held_up(host, host->kept_count + 1) ||
        now_ms(c) < host->wait.starved->waits_since_ms + patience_ms(host->wait.starved))
        return false;
    give_way(host, now_ms(c));
    return true;
}

void http_give_way_to_new(struct http_connection *c)
{
    struct http_host *host = c->host;

    if (now_ms(c) < host->wait.makes_room_until_ms && may_be_held_up(host, host->kept_count))
        http_kept_close_all(host);
}
