/* dns_implicit.c - asks for the addresses of a domain, and for those of the mail hosts when the
 * domain has any. */
#include "dns_implicit.h"

#include "podop/mem.h"

#include <stdlib.h>

struct ip_address {
    size_t len;
    unsigned char bytes[16];
};

struct question {
    struct dns_implicit *search;
    const char *name; /* borrowed */
    enum dns_type type;
    struct resolver_call *call; /* NULL: not asked, or answered */
};

struct dns_implicit {
    struct dns_implicit_query query;
    const struct dns_implicit_events *events;
    void *arg;
    struct ip_address *addresses; /* the domain's */
    size_t count, room;
    bool is_found;
    bool asks_hosts; /* the domain's addresses are known, the mail hosts' are asked for */
    bool has_failed;
    struct resolver_answer failure; /* the first */
    size_t asked, waiting;
    struct question questions[]; /* A and AAAA of the domain, then of each mail host */
};

void dns_implicit_cancel(struct dns_implicit **search)
{
    struct dns_implicit *s = *search;

    if (s == NULL)
        return;
    *search = NULL;
    for (size_t i = 0; i < s->asked; i++)
        resolver_cancel(&s->questions[i].call);
    free(s->addresses);
    free(s);
}

static bool is_address_of_domain(const struct dns_implicit *s, const struct dns_record *record)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct ip_address *a = &s->addresses[i];

        if (a->len == record->address_len && memcmp(a->bytes, record->address, a->len) == 0)
            return true;
    }
    return false;
}

/* The number is limited by the size of a message, which has at most a few thousand. */
static void add_address(struct dns_implicit *s, const struct dns_record *record)
{
    struct ip_address *a;

    if (s->count == s->room) {
        s->room = s->room == 0 ? 4 : s->room * 2;
        s->addresses = xreallocarray(s->addresses, s->room, sizeof(*s->addresses));
    }
    a = &s->addresses[s->count++];
    a->len = record->address_len;
    memcpy(a->bytes, record->address, sizeof(a->bytes));
}

static void take_answer(struct dns_implicit *s, const struct resolver_answer *answer)
{
    struct dns_cursor cursor;
    struct dns_record record;

    if (answer->outcome != RESOLVER_ANSWERED) {
        if (!s->has_failed)
            s->failure = *answer;
        s->has_failed = true;
        return;
    }
    cursor = dns_walk(&answer->dns);
    while (!s->is_found && dns_next(&cursor, &record)) {
        if (s->asks_hosts)
            s->is_found = is_address_of_domain(s, &record);
        else
            add_address(s, &record);
    }
}

static void on_addresses(void *arg, const struct resolver_answer *answer);

static void ask(struct dns_implicit *s, const char *name)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct question *q = &s->questions[s->asked++];

        *q = (struct question){.search = s, .name = name, .type = types[i]};
        q->call = resolver_start(s->query.resolver, name, types[i], s->query.deadline_at_ms,
                                 on_addresses, q);
        s->waiting++;
    }
}

/* Ends the search. A failure matters only if nothing was found. */
static void conclude(struct dns_implicit *s)
{
    const struct dns_implicit_events *events = s->events;
    void *arg = s->arg;
    const struct resolver_answer failure = s->failure;
    const bool is_found = s->is_found, has_failed = s->has_failed && !is_found;

    dns_implicit_cancel(&s);
    events->done(arg, is_found, has_failed ? &failure : NULL);
}

static void on_addresses(void *arg, const struct resolver_answer *answer)
{
    struct question *q = arg;
    struct dns_implicit *s = q->search;

    q->call = NULL;
    s->waiting--;
    s->events->answered(s->arg, q->type, q->name, answer);
    take_answer(s, answer);
    if (s->waiting == 0 && s->count > 0 && !s->asks_hosts) {
        s->asks_hosts = true;
        for (size_t i = 0; i < s->query.host_count; i++)
            ask(s, s->query.hosts[i]);
    }
    if (s->waiting == 0 || s->is_found)
        conclude(s);
}

struct dns_implicit *dns_implicit_start(const struct dns_implicit_query *query,
                                        const struct dns_implicit_events *events, void *arg)
{
    const size_t questions = 2 + 2 * query->host_count;
    struct dns_implicit *s = xcalloc(1, sizeof(*s) + questions * sizeof(struct question));

    s->query = *query;
    s->events = events;
    s->arg = arg;
    ask(s, query->domain);
    return s;
}
