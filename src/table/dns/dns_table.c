#include "dns_table.h"

#include "dns_explain.h"
#include "dns_implicit.h"
#include "dns_settings.h"
#include "mail/idna.h"
#include "table/fetch.h"
#include "table/identity.h"

#include "podop/clock.h"
#include "podop/counters.h"
#include "podop/mem.h"
#include "podop/outage.h"
#include "podop/resolver.h"
#include "podop/table_backend.h"

#include <stdlib.h>

enum {
    PARAM_BYTES_SHOWN = 100,
    DOUBTFUL_MAX = 10, /* doubtful failures in a row are an outage */
};

struct dns_table {
    struct table base;
    struct resolver *resolver;
    char *servers; /* for the log */
    struct outage outage;
    unsigned doubtful;              /* failures in a row that may be the fault of the domains */
    char (*hosts)[IDNA_NAME_BYTES]; /* this system's mail hosts */
    size_t host_count;
    bool best;     /* only MX records of the lowest preference count */
    bool implicit; /* without MX records, addresses count */
};

struct dns_fetch {
    struct fetch base;
    char domain[IDNA_NAME_BYTES];
    struct resolver_call *mx;
    struct dns_implicit *implicit; /* NULL: addresses are not asked for */
    bool has_ttl;
    uint32_t ttl_s; /* the shortest of all answers so far */
};

static struct dns_table *dns_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct dns_table, base);
}

static struct dns_fetch *dns_fetch_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct dns_fetch, base);
}

static struct span trim(struct span s)
{
    while (s.len > 0 && (s.ptr[0] == ' ' || s.ptr[0] == '\t'))
        s = span_skip(s, 1);
    while (s.len > 0 && (s.ptr[s.len - 1] == ' ' || s.ptr[s.len - 1] == '\t'))
        s.len--;
    return s;
}

/* Reads the host names in param, between commas, into hosts, which has room for MAIL_HOSTS_MAX. */
static int parse_hosts(const char *param, char (*hosts)[IDNA_NAME_BYTES], size_t *count,
                       struct error *err)
{
    *count = 0;
    for (;;) {
        size_t len = strcspn(param, ",");
        struct span name = trim((struct span){param, len});

        if (*count == MAIL_HOSTS_MAX)
            return error_set(err, ERR_CONFIG, "more than %d mail hosts", MAIL_HOSTS_MAX);
        if (!idna_of_host(name, hosts[*count]))
            return error_set(err, ERR_CONFIG, "invalid host name '%.*s'",
                             name.len < PARAM_BYTES_SHOWN ? (int)name.len : PARAM_BYTES_SHOWN,
                             name.ptr);
        ++*count;
        if (param[len] == '\0')
            return 0;
        param += len + 1;
    }
}

static int dns_table_check_param(const struct table_config *config, const char *param,
                                 struct error *err)
{
    char hosts[MAIL_HOSTS_MAX][IDNA_NAME_BYTES];
    size_t count;

    (void)config;
    return parse_hosts(param, hosts, &count, err);
}

static void dns_table_deinit(struct table *table)
{
    struct dns_table *t = dns_table_of(table);

    resolver_free(&t->resolver);
    free(t->servers);
    free(t->hosts);
}

/* "127.0.0.1:53, [::1]:53", or the file that names the servers. The caller frees it. */
static char *name_servers(const struct string_list *servers)
{
    struct buf text;

    if (servers->count == 0)
        return xstrdup("/etc/resolv.conf");
    buf_init(&text, BUF_LIMITED_BY_INPUT);
    for (size_t i = 0; i < servers->count; i++) {
        buf_add(&text, i == 0 ? SPAN("") : SPAN(", "));
        buf_add(&text, span_of(servers->items[i]));
    }
    buf_string(&text);
    return text.ptr;
}

static int dns_table_init(struct table *table, const struct table_config *config, struct error *err)
{
    const struct dns_settings *settings = config->settings;
    struct dns_table *t = dns_table_of(table);

    t->best = settings->best;
    t->implicit = settings->implicit;
    t->servers = name_servers(&settings->servers);
    t->hosts = xcalloc(MAIL_HOSTS_MAX, sizeof(*t->hosts));
    if (parse_hosts(config->param, t->hosts, &t->host_count, err) == -1)
        return -1;
    t->resolver = resolver_new(table->env.loop, &settings->servers, err);
    return t->resolver == NULL ? -1 : 0;
}

static void note_ttl(struct dns_fetch *f, const struct dns_answer *answer)
{
    if (!answer->has_ttl)
        return;
    if (!f->has_ttl || answer->ttl_s < f->ttl_s)
        f->ttl_s = answer->ttl_s;
    f->has_ttl = true;
}

/* Returns whether the failure is one of the server. Even a good server answers SERVFAIL, or not at
 * all, if the servers of a domain are broken, so such failures count only if there are many in a
 * row. */
static bool is_outage(struct dns_table *t, const struct resolver_answer *answer)
{
    if (answer->outcome == RESOLVER_FAILED)
        return true;
    if (t->doubtful < DOUBTFUL_MAX)
        t->doubtful++;
    return t->doubtful == DOUBTFUL_MAX;
}

/* Logs the beginning and the end of an outage, and keeps the shortest TTL. */
static void note(struct dns_fetch *f, const struct resolver_answer *answer)
{
    struct dns_table *t = dns_table_of(f->base.table);

    if (answer->outcome == RESOLVER_ANSWERED) {
        t->doubtful = 0;
        outage_success(&t->outage, t->base.env.log, t->base.name, t->servers, clock_now_ms());
        note_ttl(f, &answer->dns);
    } else if (is_outage(t, answer)) {
        outage_failure(&t->outage, t->base.env.log, t->base.name, t->servers,
                       span_of(answer->reason), clock_now_ms());
    }
}

static void finish(struct dns_fetch *f, struct reply reply)
{
    reply.has_ttl_max = f->has_ttl;
    reply.ttl_max_ms = f->ttl_s > UINT32_MAX / 1000 ? UINT32_MAX : f->ttl_s * 1000;
    fetch_finish(&f->base, &reply);
}

static void answer_found(struct dns_fetch *f)
{
    const struct span domain = span_of(f->domain);

    finish(f, (struct reply){
                  .status = REPLY_FOUND,
                  .map_value = domain,
                  .dict_value = domain,
              });
}

static void answer_miss(struct dns_fetch *f)
{
    finish(f, (struct reply){.status = REPLY_MISS});
}

static void answer_failure(struct dns_fetch *f, const struct resolver_answer *answer)
{
    char text[TABLE_REASON_BYTES];

    finish(f, (struct reply){
                  .status = answer->outcome == RESOLVER_TIMED_OUT ? REPLY_TIMEOUT : REPLY_TEMPORARY,
                  .reason = table_reason(f->base.table, text, "%s", answer->reason),
              });
}

static bool is_mail_host(const struct dns_table *t, const char *host)
{
    for (size_t i = 0; i < t->host_count; i++) {
        if (strcmp(t->hosts[i], host) == 0)
            return true;
    }
    return false;
}

/* Returns whether one of the exchanges is one of our mail hosts; with best, one of the lowest
 * preference. The null MX of RFC 7505 names the root, which is not a mail host. */
static bool has_exchange(const struct dns_table *t, const struct dns_answer *answer)
{
    struct dns_cursor cursor = dns_walk(answer);
    unsigned lowest = UINT16_MAX + 1, lowest_ours = UINT16_MAX + 1;
    struct dns_record record;

    while (dns_next(&cursor, &record)) {
        if (record.preference < lowest)
            lowest = record.preference;
        if (record.preference < lowest_ours && is_mail_host(t, record.host))
            lowest_ours = record.preference;
    }
    return lowest_ours <= UINT16_MAX && (!t->best || lowest_ours == lowest);
}

static void on_implicit_answer(void *arg, enum dns_type type, const char *name,
                               const struct resolver_answer *answer)
{
    struct dns_fetch *f = arg;

    dns_explain_answer(&f->base, type, name, answer);
    note(f, answer);
}

static void on_implicit_done(void *arg, bool is_found, const struct resolver_answer *failure)
{
    struct dns_fetch *f = arg;

    f->implicit = NULL;
    if (is_found)
        answer_found(f);
    else if (failure != NULL)
        answer_failure(f, failure);
    else
        answer_miss(f);
}

static void ask_for_addresses(struct dns_fetch *f)
{
    static const struct dns_implicit_events events = {on_implicit_answer, on_implicit_done};
    const struct dns_table *t = dns_table_of(f->base.table);
    const struct dns_implicit_query query = {
        .resolver = t->resolver,
        .domain = f->domain,
        .hosts = t->hosts,
        .host_count = t->host_count,
        .deadline_at_ms = f->base.deadline_at_ms,
    };

    f->implicit = dns_implicit_start(&query, &events, f);
}

static void on_mx(void *arg, const struct resolver_answer *answer)
{
    struct dns_fetch *f = arg;
    const struct dns_table *t = dns_table_of(f->base.table);

    f->mx = NULL;
    dns_explain_answer(&f->base, DNS_MX, f->domain, answer);
    note(f, answer);
    if (answer->outcome != RESOLVER_ANSWERED)
        answer_failure(f, answer);
    else if (answer->dns.verdict == DNS_RECORDS && has_exchange(t, &answer->dns))
        answer_found(f);
    else if (answer->dns.verdict == DNS_NO_RECORDS && t->implicit)
        ask_for_addresses(f);
    else
        answer_miss(f);
}

/* All mail addresses of a domain lead to the same query. A key without a domain leads to no
 * query. */
static bool dns_table_identify(struct table *table, const struct table_key *key,
                               struct identity *identity)
{
    char domain[IDNA_NAME_BYTES];
    struct buf bytes;

    (void)table;
    if (!idna_of_key(key->key, domain))
        return false;
    buf_init(&bytes, IDNA_NAME_BYTES);
    buf_add(&bytes, span_of(domain));
    identity_take(identity, &bytes);
    return true;
}

static bool dns_table_backend(struct table *table, size_t i, struct table_backend *to)
{
    const struct dns_table *t = dns_table_of(table);

    *to = (struct table_backend){
        .name = span_of(t->servers),
        .is_used = table_has_asked(table),
        .is_failing = outage_is_on(&t->outage),
        .since_ms = outage_lasts_ms(&t->outage, clock_now_ms()),
    };
    return i == 0;
}

static void dns_table_start(struct fetch *fetch)
{
    struct dns_fetch *f = dns_fetch_of(fetch);

    fetch_note(fetch, "servers", span_of(dns_table_of(fetch->table)->servers));
    if (idna_of_key(fetch->key.key, f->domain))
        f->mx = resolver_start(dns_table_of(fetch->table)->resolver, f->domain, DNS_MX,
                               fetch->deadline_at_ms, on_mx, f);
    else
        answer_miss(f);
}

static void dns_table_cancel(struct fetch *fetch)
{
    struct dns_fetch *f = dns_fetch_of(fetch);

    resolver_cancel(&f->mx);
    dns_implicit_cancel(&f->implicit);
}

const struct table_ops table_dns = {
    .config =
        {
            .name = "dns",
            .settings_bytes = sizeof(struct dns_settings),
            .settings = &dns_settings,
            .check_param = dns_table_check_param,
        },
    .size = sizeof(struct dns_table),
    .fetch_bytes = sizeof(struct dns_fetch),
    .init = dns_table_init,
    .deinit = dns_table_deinit,
    .identify = dns_table_identify,
    .backend = dns_table_backend,
    .start = dns_table_start,
    .cancel = dns_table_cancel,
};
