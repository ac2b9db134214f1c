#include "name_query.h"

#include "podop/deadline.h"

enum {
    OTHER_FAMILY_MS = 50, /* to wait for the second family (RFC 8305 section 3) */
    ROUND_MS = 5000,      /* for one candidate, plus a second for each server */
};

static const enum dns_type family_types[NAME_FAMILIES] = {DNS_A, DNS_AAAA};

static void fail(struct name_query *q, enum name_verdict verdict, const char *reason)
{
    const struct name_round round = {.verdict = verdict, .reason = reason};

    q->on_round(q, &round, true);
}

/* Collects the results of the families that have answered. */
static struct name_round gather(const struct name_query *q)
{
    struct name_round round = {.verdict = NAME_RESOLVED, .ttl_s = UINT32_MAX};

    for (size_t i = 0; i < NAME_FAMILIES; i++) {
        const struct name_family *f = &q->families[i];

        round.keeps[i] = f->call != NULL || f->verdict == NAME_UNKNOWN;
        if (!round.keeps[i] && f->ttl_s < round.ttl_s)
            round.ttl_s = f->ttl_s;
        for (size_t k = 0; k < f->count && round.count < NAME_ADDRESSES_MAX; k++)
            round.addresses[round.count++] = f->addresses[k];
    }
    return round;
}

/* Candidates */

static void query_next_candidate(struct name_query *q);

static void judge_candidate(struct name_query *q)
{
    const struct name_family *four = &q->families[0], *six = &q->families[1];
    const struct name_family *failed = four->verdict == NAME_UNKNOWN ? four : six;

    ev_timer_stop(q->loop, &q->second_family);
    if (four->verdict == NAME_RESOLVED || six->verdict == NAME_RESOLVED) {
        const struct name_round round = gather(q);

        q->on_round(q, &round, true);
        return;
    }
    if (failed->verdict == NAME_UNKNOWN && !four->is_for_all && !six->is_for_all) {
        q->unknown_reason = failed->reason;
        /* the next candidate might time out as well */
        if (q->is_careful || !failed->was_answered) {
            fail(q, NAME_UNKNOWN, q->unknown_reason);
            return;
        }
    }
    query_next_candidate(q);
}

static void collect(struct name_family *f, const struct dns_answer *answer)
{
    struct dns_cursor cursor = dns_walk(answer);
    struct dns_record record;

    while (f->count < NAME_ADDRESSES_MAX && dns_next(&cursor, &record)) {
        struct endpoint *to = &f->addresses[f->count++];

        *to = (struct endpoint){.is_ipv6 = record.address_len == 16};
        memcpy(to->bytes, record.address, record.address_len);
    }
}

static void note(struct name_family *f, const struct resolver_answer *answer)
{
    f->was_answered = answer->outcome == RESOLVER_ANSWERED || answer->outcome == RESOLVER_REFUSED;
    f->reason = answer->reason;
    f->ttl_s = UINT32_MAX;
    f->verdict = NAME_UNKNOWN;
    if (answer->outcome != RESOLVER_ANSWERED)
        return;
    f->verdict = answer->dns.verdict == DNS_RECORDS ? NAME_RESOLVED : NAME_ABSENT;
    f->is_for_all = answer->dns.verdict == DNS_NO_NAME;
    if (answer->dns.has_ttl)
        f->ttl_s = answer->dns.ttl_s;
    collect(f, &answer->dns);
}

static void on_family(void *arg, const struct resolver_answer *answer)
{
    struct name_family *f = arg;
    struct name_query *q = f->query;

    f->call = NULL;
    note(f, answer);
    if (q->families[0].call == NULL && q->families[1].call == NULL) {
        judge_candidate(q);
    } else if (f->verdict == NAME_RESOLVED) {
        ev_timer_set(&q->second_family, OTHER_FAMILY_MS / 1000.0, 0.0);
        ev_timer_start(q->loop, &q->second_family);
    }
}

/* Reports the first family when the second takes too long. */
static void on_second_family_late(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct name_query *q = w->data;
    const struct name_round round = gather(q);

    (void)loop;
    (void)revents;
    q->on_round(q, &round, false);
}

static void query_families(struct name_query *q, const char *host)
{
    const uint64_t deadline_at_ms =
        service_now_ms(q->loop) + ROUND_MS + 1000 * (uint64_t)q->conf->server_count;

    for (size_t i = 0; i < NAME_FAMILIES; i++) {
        struct name_family *f = &q->families[i];

        *f = (struct name_family){.query = q};
        f->call = resolver_start(q->resolver, host, family_types[i], deadline_at_ms, on_family, f);
    }
}

static void query_next_candidate(struct name_query *q)
{
    char host[DNS_NAME_BYTES];

    while (resolv_conf_candidate(q->conf, q->host, q->candidate++, host)) {
        if (host[0] != '\0') {
            query_families(q, host);
            return;
        }
    }
    if (q->unknown_reason != NULL)
        fail(q, NAME_UNKNOWN, q->unknown_reason);
    else
        fail(q, NAME_ABSENT, "there is no such name, or it has no address");
}

void name_query_init(struct name_query *q, struct ev_loop *loop, const char *host,
                     name_query_fn *on_round)
{
    *q = (struct name_query){.loop = loop, .host = host, .on_round = on_round};
    ev_init(&q->second_family, on_second_family_late);
    q->second_family.data = q;
}

void name_query_start(struct name_query *q, struct resolver *resolver,
                      const struct resolv_conf *conf, bool is_careful)
{
    name_query_stop(q);
    q->resolver = resolver;
    q->conf = conf;
    q->is_careful = is_careful;
    q->candidate = 0;
    q->unknown_reason = NULL;
    query_next_candidate(q);
}

void name_query_stop(struct name_query *q)
{
    ev_timer_stop(q->loop, &q->second_family);
    for (size_t i = 0; i < NAME_FAMILIES; i++)
        resolver_cancel(&q->families[i].call);
}
