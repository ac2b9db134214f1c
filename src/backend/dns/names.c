/* names.c - resolves each name again and again, in rounds.
 *
 * A round reads the hosts file, and asks DNS (name_query.c) if the file does not have the name.
 * The result goes into name_addresses.c. The next round begins when the time to live has passed,
 * while the old addresses stay in use. So a failing name server delays no request. */
#include "names.h"

#include "name_files.h"
#include "name_query.h"

#include "podop/clock.h"
#include "podop/mem.h"
#include "podop/resolver.h"

#include <ev.h>

#include <stdlib.h>
#include <strings.h>

enum {
    FILES_MS = 1000, /* between two looks at the files, at least */
    RENEW_MS = 1000, /* between two rounds that failed connections ask for, at least */
};

struct names {
    struct ev_loop *loop;
    struct log *log; /* NULL: none */
    struct name *first;
    struct resolver *resolver; /* NULL: see resolver_error */
    struct error resolver_error;
    struct resolv_conf conf;
    struct name_file_state conf_state, hosts_state;
    struct buf hosts;
    uint64_t looked_at_ms;
};

struct name {
    struct names *names;
    struct name *next;
    unsigned users;
    char *host;
    struct name_addresses addresses;
    struct name_wait *waiting;
    ev_timer refresh; /* the next round */
    struct name_query asking;
    bool is_asking;
    bool is_outdated;          /* the files have changed since the last round */
    uint64_t asked_at_ms;      /* the end of the last round */
    uint64_t failing_since_ms; /* 0: no outage has been logged */
};

/* Waiting */

static void link_wait(struct name_wait *wait, struct name_wait **head)
{
    wait->next = *head;
    wait->prev_next = head;
    if (wait->next != NULL)
        wait->next->prev_next = &wait->next;
    *head = wait;
}

void name_wait_start(struct name *n, struct name_wait *wait)
{
    link_wait(wait, &n->waiting);
}

bool name_is_waiting(const struct name_wait *wait)
{
    return wait->prev_next != NULL;
}

void name_wait_stop(struct name_wait *wait)
{
    if (wait->prev_next == NULL)
        return;
    *wait->prev_next = wait->next;
    if (wait->next != NULL)
        wait->next->prev_next = wait->prev_next;
    wait->prev_next = NULL;
}

/* Calls each waiter once. A callback may wait again, or stop another waiter. */
static void tell_waiting(struct name *n)
{
    struct name_wait *told = n->waiting;

    n->waiting = NULL;
    if (told != NULL)
        told->prev_next = &told;
    while (told != NULL) {
        struct name_wait *wait = told;

        name_wait_stop(wait);
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

static void stop_questions(struct name *n)
{
    name_query_stop(&n->asking);
    n->is_asking = false;
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

    stop_questions(n);
    n->asked_at_ms = now_ms;
    next_ms = name_addresses_take(&n->addresses, round, now_ms);
    if (next_ms > 0)
        refresh_in(n, next_ms);
    if (round->verdict == NAME_RESOLVED)
        log_recovery(n, now_ms);
    else if (n->addresses.count > 0)
        log_outage(n, now_ms);
    tell_waiting(n);
}

static void fail_round(struct name *n, enum name_verdict verdict, const char *reason)
{
    const struct name_round round = {.verdict = verdict, .reason = reason};

    finish_round(n, &round);
}

static void on_round(struct name_query *asking, const struct name_round *round, bool is_all)
{
    struct name *n = CONTAINER_OF(asking, struct name, asking);

    if (is_all) {
        finish_round(n, round);
        return;
    }
    name_addresses_take(&n->addresses, round, clock_now_ms());
    tell_waiting(n);
}

/* The beginning of a round */

/* RFC 6761 section 6.3: such names are never asked for. */
static bool is_localhost(const char *host)
{
    struct span name = span_of(host);
    const size_t len = strlen("localhost");

    if (name.len > 0 && host[name.len - 1] == '.')
        name.len--;
    return name.len >= len && strncasecmp(name.ptr + name.len - len, "localhost", len) == 0 &&
           (name.len == len || name.ptr[name.len - len - 1] == '.');
}

static size_t find_locally(const struct name *n, struct endpoint to[NAME_ADDRESSES_MAX])
{
    const size_t count = hosts_find(buf_span(&n->names->hosts), n->host, to, NAME_ADDRESSES_MAX);

    if (count > 0 || !is_localhost(n->host))
        return count;
    endpoint_parse_address(SPAN("::1"), &to[0]);
    endpoint_parse_address(SPAN("127.0.0.1"), &to[1]);
    return 2;
}

static void begin_round(struct name *n)
{
    struct name_round round = {.verdict = NAME_RESOLVED};

    stop_questions(n);
    ev_timer_stop(n->names->loop, &n->refresh);
    n->is_outdated = false;
    n->is_asking = true;
    round.count = find_locally(n, round.addresses);
    if (round.count > 0)
        finish_round(n, &round);
    else if (n->names->resolver == NULL)
        fail_round(n, NAME_UNKNOWN, n->names->resolver_error.text);
    else
        name_query_start(&n->asking, n->names->resolver, &n->names->conf, n->addresses.count > 0);
}

/* Files */

static void open_resolver(struct names *names)
{
    char *items[NAME_SERVERS_MAX];
    struct string_list servers = {items, 0};

    resolver_free(&names->resolver);
    resolv_conf_read(&names->conf);
    for (; servers.count < names->conf.server_count; servers.count++)
        items[servers.count] = names->conf.servers[servers.count];
    names->resolver = resolver_new(names->loop, &servers, &names->resolver_error);
}

static void read_hosts(struct names *names)
{
    buf_clear(&names->hosts);
    name_file_read(HOSTS_PATH, &names->hosts);
}

/* Begins a new round for each name. Rounds in progress begin again. */
static void ask_for_all(struct names *names)
{
    for (struct name *n = names->first; n != NULL; n = n->next) {
        n->is_outdated = true;
        refresh_in(n, 0);
    }
}

static void stop_all_questions(struct names *names)
{
    for (struct name *n = names->first; n != NULL; n = n->next)
        name_query_stop(&n->asking);
}

static void look_at_files(struct names *names, bool is_forced)
{
    const uint64_t now_ms = clock_coarse_ms();
    bool has_new_hosts, has_new_servers;

    if (!is_forced && now_ms - names->looked_at_ms < FILES_MS)
        return;
    names->looked_at_ms = now_ms;
    has_new_hosts = name_file_has_changed(HOSTS_PATH, &names->hosts_state);
    has_new_servers = name_file_has_changed(RESOLV_CONF_PATH, &names->conf_state);
    if (has_new_hosts)
        read_hosts(names);
    if (has_new_servers) {
        stop_all_questions(names);
        open_resolver(names);
    }
    if (has_new_hosts || has_new_servers)
        ask_for_all(names);
}

/* Names */

static void on_refresh(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct name *n = w->data;

    (void)loop;
    (void)revents;
    look_at_files(n->names, false);
    begin_round(n);
}

void name_need(struct name *n)
{
    look_at_files(n->names, n->addresses.count == 0);
    if (n->addresses.count == 0 && !n->is_asking)
        begin_round(n);
}

void name_renew(struct name *n)
{
    look_at_files(n->names, true);
    if (!n->is_asking && (n->is_outdated || clock_now_ms() - n->asked_at_ms >= RENEW_MS))
        begin_round(n);
}

bool name_is_resolving(const struct name *n)
{
    return n->is_asking;
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
    ev_init(&n->refresh, on_refresh);
    n->refresh.data = n;
    name_query_init(&n->asking, names->loop, n->host, on_round);
    n->next = names->first;
    names->first = n;
    refresh_in(n, 0);
    return n;
}

struct name *names_ref(struct names *names, const char *host)
{
    struct name *n = names->first;

    while (n != NULL && strcasecmp(n->host, host) != 0)
        n = n->next;
    if (n == NULL)
        n = name_new(names, host);
    n->users++;
    return n;
}

void names_unref(struct name **pname)
{
    struct name *n = *pname;
    struct name **link;

    if (n == NULL)
        return;
    *pname = NULL;
    if (--n->users > 0)
        return;
    for (link = &n->names->first; *link != n;)
        link = &(*link)->next;
    *link = n->next;
    stop_questions(n);
    ev_timer_stop(n->names->loop, &n->refresh);
    free(n->host);
    free(n);
}

/* The whole */

struct names *names_new(struct ev_loop *loop)
{
    struct names *names = xcalloc(1, sizeof(*names));

    names->loop = loop;
    buf_init(&names->hosts, NAME_FILE_BYTES_MAX);
    look_at_files(names, true);
    if (names->resolver == NULL && names->resolver_error.text[0] == '\0')
        open_resolver(names); /* without a file, a server on this machine is asked */
    return names;
}

void names_free(struct names **pnames)
{
    struct names *names = *pnames;

    if (names == NULL)
        return;
    *pnames = NULL;
    resolver_free(&names->resolver);
    buf_deinit(&names->hosts);
    free(names);
}

void names_set_log(struct names *names, struct log *log)
{
    names->log = log;
}

void names_reload(struct names *names)
{
    names->conf_state = names->hosts_state = (struct name_file_state){0};
    look_at_files(names, true);
    ask_for_all(names);
}
