/* http_connect.c - makes connections: resolves the name, races its addresses, and hands the socket
 * of the winner to the connection, or to libcurl for TLS. connect_timeout covers all of that.
 *
 * If no address can be reached, the name may have moved. It is resolved once more, and new
 * addresses join the race. */
#include "http_private.h"
#include "race.h"

#include "podop/clock.h"
#include "podop/deadline.h"
#include "podop/mem.h"
#include "podop/priority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RENEW_PATIENCE_MS = 500 }; /* how long a lost race waits for DNS */

struct http_connecting {
    struct http_connection *c;
    const struct http_site *site;
    uint64_t ends_at_ms; /* of service_now_ms() */
    struct deadline deadline;
    ev_prepare kick; /* never started, only fed: the first step */
    bool has_renewed;
    struct name_wait wait;
    struct race race;
};

static uint64_t left_ms(const struct http_connecting *k)
{
    const uint64_t now_ms = service_now_ms(k->c->http->loop);

    return k->ends_at_ms > now_ms ? k->ends_at_ms - now_ms : 0;
}

void http_connect_stop(struct http_connection *c)
{
    struct http_connecting *k = c->connecting;

    if (k == NULL)
        return;
    c->connecting = NULL;
    name_wait_stop(&k->wait);
    race_stop(&k->race);
    deadline_stop(&k->deadline);
    ev_clear_pending(c->http->loop, &k->kick);
    free(k);
}

/* The end */

static void explain(const struct http_connecting *k, char *text, size_t size)
{
    const struct name *name = k->site->host->name;

    if (k->race.count > 0)
        race_print(&k->race, text, size);
    else
        snprintf(text, size, "name does not resolve: %s",
                 name_is_asking(name) || name_addresses(name)->reason == NULL
                     ? "no name server answers in time"
                     : name_addresses(name)->reason);
}

/* Has addresses that failed or were slow tried last next time. */
static void remember(const struct http_connecting *k)
{
    struct name *name = k->site->host->name;

    if (name == NULL || race_had_no_socket(&k->race))
        return;
    for (size_t i = 0; i < k->race.started; i++) {
        const struct race_attempt *r = &k->race.attempts[i];

        if (r == k->race.winner)
            name_trust(name, &r->at);
        else if (r->error != 0 || r->is_slow || k->race.winner == NULL)
            name_avoid(name, &r->at);
    }
}

static void fail(struct http_connecting *k)
{
    struct http_connection *c = k->c;
    enum http_connect_end how = HTTP_CONNECT_FAILED;

    explain(k, c->reason, sizeof(c->reason));
    if (race_had_no_socket(&k->race))
        how = HTTP_CONNECT_NO_SOCKET;
    else if (race_was_refused(&k->race))
        how = HTTP_CONNECT_REFUSED;
    if (how == HTTP_CONNECT_NO_SOCKET)
        snprintf(c->reason, sizeof(c->reason), "%s", strerror(k->race.attempts[0].error));
    remember(k);
    http_connect_stop(c);
    c->connected(c, how);
}

static void succeed(struct http_connecting *k)
{
    struct http_connection *c = k->c;
    const struct http_site *site = k->site;
    const uint64_t tls_ms = left_ms(k);
    int fd;

    remember(k);
    c->address = k->race.winner->at;
    fd = race_take(&k->race);
    http_connect_stop(c);
    if (c->name != NULL)
        c->name_generation = c->name->generation;
    if (c->host->is_tls) {
        http_tls_start(c, site, fd, tls_ms == 0 ? 1 : (uint32_t)tls_ms);
        return;
    }
    ev_io_set(&c->io, fd, EV_READ);
    c->connected(c, HTTP_CONNECTED);
}

/* Steps */

static void add_addresses(struct http_connecting *k)
{
    const struct http_host *host = k->site->host;
    struct endpoint list[NAME_ADDRESSES_MAX];
    size_t count;

    if (host->unix_socket != NULL) {
        race_add_unix(&k->race, host->unix_socket);
        return;
    }
    if (host->name == NULL) {
        race_add(&k->race, &host->address);
        return;
    }
    count = name_addresses_in_order(name_addresses(host->name), clock_now_ms(), list);
    for (size_t i = 0; i < count; i++) {
        list[i].port = host->address.port;
        race_add(&k->race, &list[i]);
    }
}

/* Adds all known addresses to the race, and waits for more while the name is being resolved. */
static void run(struct http_connecting *k)
{
    struct name *name = k->site->host->name;

    add_addresses(k);
    if (name != NULL && name_is_asking(name) && k->wait.prev_next == NULL)
        name_wait_start(name, &k->wait);
    race_run(&k->race, left_ms(k));
}

static bool is_over(const struct http_connecting *k)
{
    return k->race.winner != NULL || (race_is_lost(&k->race) && k->wait.prev_next == NULL);
}

static void set_deadline(struct http_connecting *k, uint64_t ms)
{
    deadline_start_in(&k->deadline, k->c->http->loop, ms);
}

/* Resolves the name again, because no known address works. */
static void renew(struct http_connecting *k)
{
    const uint64_t left = left_ms(k);

    k->has_renewed = true;
    name_renew(k->site->host->name);
    run(k);
    if (race_is_lost(&k->race) && left > RENEW_PATIENCE_MS)
        set_deadline(k, RENEW_PATIENCE_MS);
}

static void look(struct http_connecting *k)
{
    if (race_is_lost(&k->race) && k->race.count > 0 && k->site->host->name != NULL &&
        !k->has_renewed)
        renew(k);
    if (!is_over(k))
        return;
    if (k->race.winner != NULL)
        succeed(k);
    else
        fail(k);
}

static void on_race(struct race *race)
{
    look(CONTAINER_OF(race, struct http_connecting, race));
}

static void on_news(struct name_wait *wait)
{
    struct http_connecting *k = CONTAINER_OF(wait, struct http_connecting, wait);

    if (k->has_renewed)
        set_deadline(k, left_ms(k));
    run(k);
    look(k);
}

static void on_kick(struct ev_loop *loop, ev_prepare *w, int revents)
{
    struct http_connecting *k = w->data;

    (void)loop;
    (void)revents;
    if (k->site->host->name != NULL)
        name_need(k->site->host->name);
    run(k);
    look(k);
}

static void on_deadline(void *arg)
{
    fail(arg);
}

void http_connect_start(struct http_connection *c, const struct http_site *site)
{
    struct ev_loop *loop = site->http->loop;
    struct http_connecting *k = c->connecting = xmalloc(sizeof(*k));

    k->c = c;
    k->site = site;
    k->ends_at_ms = service_now_ms(loop) + site->connect_timeout_ms;
    k->has_renewed = false;
    k->wait = (struct name_wait){.on_news = on_news};
    race_init(&k->race, loop, site->connect_timeout_ms, on_race);
    deadline_init(&k->deadline, on_deadline, k);
    deadline_start(&k->deadline, loop, k->ends_at_ms);
    ev_prepare_init(&k->kick, on_kick);
    ev_set_priority(&k->kick, PRIORITY_HTTP);
    k->kick.data = k;
    ev_feed_event(loop, &k->kick, EV_CUSTOM);
}
