/* http_connect.c - if no address can be reached, the name may have moved: it is resolved once more,
 * and new addresses join the race. */
#include "http_connect.h"

#include "backend/dns/names.h"
#include "race.h"

#include "podop/clock.h"
#include "podop/deadline.h"
#include "podop/deferred.h"
#include "podop/mem.h"
#include "podop/priority.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RENEW_PATIENCE_MS = 500, /* how long to wait for DNS after all known addresses failed */
    REASON_BYTES = 256,
};

struct http_connecting {
    struct ev_loop *loop;
    const struct http_connect_target *target;
    const struct endpoint *first; /* NULL: the name's order */
    http_connect_fn *done;
    void *arg;
    uint64_t ends_at_ms; /* of service_now_ms() */
    struct deadline deadline;
    struct deferred begin;
    bool has_renewed;
    struct name_wait wait;
    struct race race;
};

static uint64_t left_ms(const struct http_connecting *k)
{
    const uint64_t now_ms = service_now_ms(k->loop);

    return k->ends_at_ms > now_ms ? k->ends_at_ms - now_ms : 0;
}

void http_connect_stop(struct http_connecting **pk)
{
    struct http_connecting *k = *pk;

    if (k == NULL)
        return;
    *pk = NULL;
    name_wait_stop(&k->wait);
    race_stop(&k->race);
    deadline_stop(&k->deadline);
    deferred_stop(&k->begin);
    free(k);
}

/* The end */

static void explain(const struct http_connecting *k, char *text, size_t size)
{
    const struct name *name = k->target->name;

    if (race_had_no_socket(&k->race))
        snprintf(text, size, "%s", strerror(k->race.attempts[0].error));
    else if (k->race.count > 0)
        race_print(&k->race, text, size);
    else
        snprintf(text, size, "name does not resolve: %s",
                 name_is_resolving(name) || name_addresses(name)->reason == NULL
                     ? "no name server answers in time"
                     : name_addresses(name)->reason);
}

/* Notes which addresses failed or were slow, so that they are tried last next time. */
static void remember(const struct http_connecting *k)
{
    struct name *name = k->target->name;

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

/* Frees k and reports the result. */
static void finish(struct http_connecting *k, const struct http_connect_result *result)
{
    http_connect_fn *done = k->done;
    void *arg = k->arg;

    http_connect_stop(&k);
    done(arg, result);
}

static void fail(struct http_connecting *k)
{
    char reason[REASON_BYTES];
    struct http_connect_result result = {
        .end = HTTP_CONNECT_FAILED, .fd = -1, .left_ms = left_ms(k), .reason = reason};

    explain(k, reason, sizeof(reason));
    if (race_had_no_socket(&k->race))
        result.end = HTTP_CONNECT_NO_SOCKET;
    else if (race_was_refused(&k->race))
        result.end = HTTP_CONNECT_REFUSED;
    remember(k);
    finish(k, &result);
}

static void succeed(struct http_connecting *k)
{
    struct http_connect_result result = {.end = HTTP_CONNECTED, .left_ms = left_ms(k)};

    remember(k);
    result.peer = k->race.winner->at;
    result.fd = race_take(&k->race);
    finish(k, &result);
}

/* Steps */

static void add_address(struct http_connecting *k, const struct endpoint *address)
{
    struct endpoint at = *address;

    at.port = k->target->address.port;
    race_add(&k->race, &at);
}

static void add_addresses(struct http_connecting *k)
{
    const struct http_connect_target *target = k->target;
    struct endpoint list[NAME_ADDRESSES_MAX];
    size_t count;

    if (target->unix_socket != NULL) {
        race_add_unix(&k->race, target->unix_socket);
        return;
    }
    if (target->name == NULL) {
        race_add(&k->race, &target->address);
        return;
    }
    if (k->first != NULL && name_addresses_has(name_addresses(target->name), k->first))
        add_address(k, k->first);
    count = name_addresses_in_order(name_addresses(target->name), clock_now_ms(), list);
    for (size_t i = 0; i < count; i++)
        add_address(k, &list[i]);
}

/* Adds all known addresses to the race, and waits for more while the name is being resolved. */
static void run(struct http_connecting *k)
{
    struct name *name = k->target->name;

    add_addresses(k);
    if (name != NULL && name_is_resolving(name) && !name_is_waiting(&k->wait))
        name_wait_start(name, &k->wait);
    race_run(&k->race, left_ms(k));
}

static bool is_over(const struct http_connecting *k)
{
    return k->race.winner != NULL || (race_is_lost(&k->race) && !name_is_waiting(&k->wait));
}

static void set_deadline(struct http_connecting *k, uint64_t ms)
{
    deadline_start_in(&k->deadline, k->loop, ms);
}

/* Resolves the name again, because no known address works. */
static void renew(struct http_connecting *k)
{
    const uint64_t left = left_ms(k);

    k->has_renewed = true;
    name_renew(k->target->name);
    run(k);
    if (race_is_lost(&k->race) && left > RENEW_PATIENCE_MS)
        set_deadline(k, RENEW_PATIENCE_MS);
}

/* Resolves the name again, once, if the race is lost. Ends k if it is over. */
static void look(struct http_connecting *k)
{
    if (race_is_lost(&k->race) && k->race.count > 0 && k->target->name != NULL && !k->has_renewed)
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

static void on_begin(void *arg)
{
    struct http_connecting *k = arg;

    if (k->target->name != NULL)
        name_need(k->target->name);
    run(k);
    look(k);
}

static void on_deadline(void *arg)
{
    fail(arg);
}

struct http_connecting *http_connect_start(struct ev_loop *loop,
                                           const struct http_connect_target *target,
                                           const struct endpoint *first, uint32_t timeout_ms,
                                           http_connect_fn *done, void *arg)
{
    struct http_connecting *k = xmalloc(sizeof(*k));

    k->loop = loop;
    k->target = target;
    k->first = first;
    k->done = done;
    k->arg = arg;
    k->ends_at_ms = service_now_ms(loop) + timeout_ms;
    k->has_renewed = false;
    k->wait = (struct name_wait){.on_news = on_news};
    race_init(&k->race, loop, timeout_ms, on_race);
    deadline_init(&k->deadline, on_deadline, k);
    deadline_start(&k->deadline, loop, k->ends_at_ms);
    deferred_init(&k->begin, loop, PRIORITY_HTTP, on_begin, k);
    deferred_start(&k->begin);
    return k;
}
