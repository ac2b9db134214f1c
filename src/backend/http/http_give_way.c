/* http_give_way.c - connections that nobody uses give way to a new one that gets no byte.
 *
 * A server that serves one connection at a time, or as many as it has threads, lets a new one wait
 * until an old one ends: which podop keeps for a minute. All that is seen of it is silence, as of a
 * server that is slow. A new connection is starved when it got nothing for longer than others to
 * this host usually wait, and for GIVE_WAY_MS at least. Then, where more are kept than the host has
 * ever been seen to serve a new one beside, they are closed. Where none is, those that fall free
 * next have GIVE_WAY_MS again to turn out not to be what it waits for.
 *
 * Where that does not help in time it was something else, and with this host it is not tried again
 * for a while, each time for twice as long. Where it does, new connections have room made for them
 * at once, for a while. */
#include "http_private.h"

#include "podop/deadline.h"

enum {
    GIVE_WAY_MS = 150,
    TIMES_USUAL = 3,              /* as long as usual, */
    PATIENCE_MS_MAX = 2000,       /* and no longer */
    USELESS_PAUSE_MS = 10 * 1000, /* doubled each time */
    USELESS_PAUSE_MS_MAX = 640 * 1000,
    REMEMBERED_MS = 60 * 1000,
    USUAL_COUNT = 8, /* about so many of the last ones say what is usual */
};

static uint64_t now_ms(const struct http_connection *c)
{
    return turns_now_ms(c->http->turns);
}

static uint64_t usual_ms(const struct http_connection *c)
{
    const struct http_usual *usual = &c->host->wait.usual[c->waits_for];

    return usual->count == 0 ? 0 : usual->sum_ms / usual->count;
}

static void learn(struct http_connection *c, uint64_t waited_ms)
{
    struct http_usual *usual = &c->host->wait.usual[c->waits_for];

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

/* What is closed from here on is closed for those that are starved. */
static void give_way(struct http_host *host, uint64_t at_ms)
{
    if (host->wait.gave_way_at_ms == 0)
        host->wait.gave_way_at_ms = at_ms;
    host->wait.last_gave_way_at_ms = at_ms;
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
    wait->gave_way_at_ms = wait->makes_room_until_ms = 0;
}

static void was_of_use(struct http_waits *wait, uint64_t at_ms)
{
    wait->gave_way_at_ms = 0;
    wait->pause_ms = 0;
    wait->makes_room_until_ms = at_ms + REMEMBERED_MS;
}

static uint64_t verdict_at_ms(const struct http_connection *c)
{
    return c->host->wait.gave_way_at_ms + patience_ms(c);
}

static void on_starving(void *arg)
{
    struct http_connection *c = arg;
    struct http_host *host = c->host;
    const uint64_t at_ms = now_ms(c);
    const uint64_t starved_at_ms = c->waits_since_ms + patience_ms(c);

    if (!c->is_starved && at_ms < starved_at_ms) { /* others have turned out to wait as long */
        deadline_start(&c->starving, c->http->loop, starved_at_ms);
        return;
    }
    if (at_ms < host->wait.paused_until_ms)
        return;
    if (c->is_starved && host->wait.gave_way_at_ms != 0 && at_ms >= verdict_at_ms(c)) {
        was_useless(c);
        return;
    }
    enter(c);
    if (may_be_held_up(host, host->kept_count)) {
        give_way(host, at_ms);
        http_idle_close_all(host);
    }
    deadline_start(&c->starving, c->http->loop,
                   host->wait.gave_way_at_ms == 0 ? at_ms + patience_ms(c) : verdict_at_ms(c));
}

void http_give_way_begin(struct http_connection *c, enum http_wait what)
{
    c->waits_for = what;
    c->waits_since_ms = now_ms(c);
    if (c->was_kept)
        return;
    c->falls_free_at_ms = 0;
    deadline_init(&c->starving, on_starving, c);
    deadline_start(&c->starving, c->http->loop, c->waits_since_ms + patience_ms(c));
}

void http_give_way_end(struct http_connection *c)
{
    deadline_stop(&c->starving);
    leave(c);
}

/* c has waited since before others gave way. */
static bool has_waited_through(const struct http_connection *c, uint64_t gave_way_at_ms)
{
    return gave_way_at_ms != 0 && !c->was_kept && c->waits_since_ms <= gave_way_at_ms;
}

void http_give_way_served(struct http_connection *c)
{
    struct http_waits *wait = &c->host->wait;
    const uint32_t kept = c->host->kept_count;

    if (!has_waited_through(c, wait->last_gave_way_at_ms))
        learn(c, now_ms(c) - c->waits_since_ms);
    if (c->was_kept)
        return;
    if (has_waited_through(c, wait->gave_way_at_ms))
        was_of_use(wait, now_ms(c));
    if (c->waits_for == HTTP_WAIT_ANSWER && kept > wait->served_beside &&
        http_wire_is_silent(c->host->kept)) /* the server has not closed it */
        wait->served_beside = kept;
    http_give_way_end(c);
}

/* One falls free while c is starved. Whether those that do have been given time enough. */
static bool has_seen_enough(struct http_connection *c)
{
    const uint64_t at_ms = now_ms(c);

    if (at_ms < c->host->wait.makes_room_until_ms)
        return true;
    if (c->falls_free_at_ms == 0) {
        c->falls_free_at_ms = at_ms;
        deadline_start(&c->starving, c->http->loop, at_ms + GIVE_WAY_MS);
    }
    return at_ms >= c->falls_free_at_ms + GIVE_WAY_MS;
}

bool http_give_way_instead_of_keeping(struct http_connection *c)
{
    struct http_host *host = c->host;
    bool is_enough = false;

    if (host->wait.starved == NULL || !may_be_held_up(host, host->kept_count + 1))
        return false;
    for (struct http_connection *s = host->wait.starved; s != NULL; s = s->next_starved)
        is_enough |= has_seen_enough(s);
    if (is_enough)
        give_way(host, now_ms(c));
    return is_enough;
}

void http_give_way_to_new(struct http_connection *c)
{
    struct http_host *host = c->host;

    if (now_ms(c) < host->wait.makes_room_until_ms && may_be_held_up(host, host->kept_count))
        http_idle_close_all(host);
}
