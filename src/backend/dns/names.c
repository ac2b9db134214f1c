/* names.c - resolves each name again and again, in rounds.
 *
 * A round reads the hosts file, and queries DNS (name_query.c) if the file does not have the
 * name. The result goes into name_addresses.c. The next round begins when the time to live has
 * passed, while the old addresses stay in use. So a name server that fails does not delay
 * requests. */
#include "names.h"

#include "name_query.h"
#include "name_sources.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <ev.h>

#include <stdlib.h>
#include <strings.h>

enum { RENEW_MS = 1000 }; /* the least time between two rounds after failed connections */

struct names {
    struct ev_loop *loop;
    struct log *log; /* NULL: none */
    struct list list;
    struct name_sources sources;
};

struct name {
    struct names *names;
    struct list_node node; /* in names->list */
    unsigned users;
    char *host;
    struct name_addresses addresses;
    struct list waiting; /* of name_wait, the newest first */
    ev_timer refresh;    /* begins the next round */
    struct name_query query;
    bool is_resolving;
    bool is_outdated;          /* the files have changed since the last round */
    uint64_t resolved_at_ms;   /* the end of the last round */
    uint64_t failing_since_ms; /* 0: no outage has been logged */
};

/* Waiting */

void name_wait_start(struct name *n, struct name_wait *wait)
{
    list_prepend(&n->waiting, &wait->node);
}

void name_wait_stop(struct name_wait *wait)
{
    list_remove(&wait->node);
}

/* Calls each waiter once. A callback may wait again, stop another waiter, or free the name. */
static void call_waiting(struct name *n)
{
    struct list called;
    struct list_node *node;

    list_init(&called);
    list_move_all(&called, &n->waiting);
    while ((node = list_pop(&called)) != NULL) {
        struct name_wait *wait = CONTAINER_OF(node, struct name_wait, node);

        wait->on_news(wait);
    }
}

/* The log */

static void log_outage(struct name *n, uint64_t now_ms)
{
    if (n->failing_since_ms != 0)
        return;
    n->failing_since_ms = now_ms;
    if (n->names->log != NULL)
        log_warning(n->names->log, "name_failed", LOG_STR("name", n->host),
                    LOG_STR("reason", n->addresses.reason),
                    LOG_UINT("addresses_kept", n->addresses.count));
}

static void log_recovery(struct name *n, uint64_t now_ms)
{
    if (n->failing_since_ms != 0 && n->names->log != NULL)
        log_warning(n->names->log, "name_recovered", LOG_STR("name", n->host),
                    LOG_UINT("seconds", (now_ms - n->failing_since_ms) / 1000));
    n->failing_since_ms = 0;
}

/* The end of a round */

static void stop_round(struct name *n)
{
    name_query_stop(&n->query);
    n->is_resolving = false;
}

static void refresh_in(struct name *n, uint32_t ms)
{
    ev_timer_stop(n->names->loop, &n->refresh);
    ev_timer_set(&n->refresh, ms / 1000.0, 0.0);
    ev_timer_start(n->names->loop, &n->refresh);
}

/* Ends a round. A waiter may begin the next one or free the name, so this comes last. */
static void finish_round(struct name *n, const struct name_round *round)
{
    const uint64_t now_ms = clock_now_ms();
    uint32_t next_ms;

    stop_round(n);
    n->resolved_at_ms = now_ms;
    next_ms = name_addresses_take(&n->addresses, round, now_ms);
    if (next_ms > 0)
        refresh_in(n, next_ms);
    if (round->verdict == NAME_RESOLVED)
        log_recovery(n, now_ms);
    else if (n->addresses.count > 0)
        log_outage(n, now_ms);
    call_waiting(n);
}

static void on_round(struct name_query *query, const struct name_round *round, bool is_all)
{
    struct name *n = CONTAINER_OF(query, struct name, query);

    if (is_all) {
        finish_round(n, round);
        return;
    }
    name_addresses_take(&n->addresses, round, clock_now_ms());
    call_waiting(n);
}

/* The beginning of a round */

static void begin_round(struct name *n)
{
    const struct name_sources *sources = &n->names->sources;
    struct name_round round = {.verdict = NAME_RESOLVED};

    stop_round(n);
    ev_timer_stop(n->names->loop, &n->refresh);
    n->is_outdated = false;
    n->is_resolving = true;
    round.count = name_sources_find(sources, n->host, round.addresses);
    if (round.count == 0 && sources->resolver != NULL) {
        name_query_start(&n->query, sources->resolver, &sources->conf, n->addresses.count > 0);
        return;
    }
    if (round.count == 0)
        round =
            (struct name_round){.verdict = NAME_UNKNOWN, .reason = sources->resolver_error.text};
    finish_round(n, &round);
}

/* Begins a new round for each name. Rounds in progress begin again. */
static void refresh_all(struct names *names)
{
    LIST_FOR_EACH (at, &names->list) {
        struct name *n = CONTAINER_OF(at, struct name, node);

        n->is_outdated = true;
        refresh_in(n, 0);
    }
}

static void stop_all_queries(struct names *names)
{
    LIST_FOR_EACH (at, &names->list)
        name_query_stop(&CONTAINER_OF(at, struct name, node)->query);
}

static void check_sources(struct names *names, bool is_forced)
{
    const struct name_sources_change change = name_sources_check(&names->sources, is_forced);

    if (!change.is_in_hosts && !change.is_in_servers)
        return;
    if (change.is_in_servers)
        stop_all_queries(names);
    name_sources_read(&names->sources, change);
    refresh_all(names);
}

static void on_refresh(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct name *n = w->data;

    (void)loop;
    (void)revents;
    check_sources(n->names, false);
    begin_round(n);
}

void name_need(struct name *n)
{
    check_sources(n->names, n->addresses.count == 0);
    if (n->addresses.count == 0 && !n->is_resolving)
        begin_round(n);
}

void name_renew(struct name *n)
{
    check_sources(n->names, true);
    if (!n->is_resolving && (n->is_outdated || clock_now_ms() - n->resolved_at_ms >= RENEW_MS))
        begin_round(n);
}

/* Names */

bool name_is_resolving(const struct name *n)
{
    return n->is_resolving;
}

const struct name_addresses *name_addresses(const struct name *n)
{
    return &n->addresses;
}

void name_avoid(struct name *n, const struct endpoint *address)
{
    name_addresses_avoid(&n->addresses, address, clock_now_ms());
}

void name_trust(struct name *n, const struct endpoint *address)
{
    name_addresses_trust(&n->addresses, address);
}

static struct name *name_new(struct names *names, const char *host)
{
    struct name *n = xcalloc(1, sizeof(*n));

    n->names = names;
    n->host = xstrdup(host);
    list_init(&n->waiting);
    ev_init(&n->refresh, on_refresh);
    n->refresh.data = n;
    name_query_init(&n->query, names->loop, n->host, on_round);
    list_prepend(&names->list, &n->node);
    refresh_in(n, 0);
    return n;
}

static struct name *find_name(const struct names *names, const char *host)
{
    LIST_FOR_EACH (at, &names->list) {
        struct name *n = CONTAINER_OF(at, struct name, node);

        if (strcasecmp(n->host, host) == 0)
            return n;
    }
    return NULL;
}

struct name *names_ref(struct names *names, const char *host)
{
    struct name *n = find_name(names, host);

    if (n == NULL)
        n = name_new(names, host);
    n->users++;
    return n;
}

void names_unref(struct name **pname)
{
    struct name *n = *pname;

    if (n == NULL)
        return;
    *pname = NULL;
    if (--n->users > 0)
        return;
    list_remove(&n->node);
    stop_round(n);
    ev_timer_stop(n->names->loop, &n->refresh);
    free(n->host);
    free(n);
}

/* The cache */

struct names *names_new(struct ev_loop *loop)
{
    struct names *names = xcalloc(1, sizeof(*names));

    names->loop = loop;
    list_init(&names->list);
    name_sources_open(&names->sources, loop);
    return names;
}

void names_free(struct names **pnames)
{
    struct names *names = *pnames;

    if (names == NULL)
        return;
    *pnames = NULL;
    name_sources_close(&names->sources);
    free(names);
}

void names_set_log(struct names *names, struct log *log)
{
    names->log = log;
}

void names_reload(struct names *names)
{
    name_sources_forget(&names->sources);
    check_sources(names, true);
    refresh_all(names);
}
