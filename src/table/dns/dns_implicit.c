/* dns_implicit.c - a domain without MX records is its own mail host (RFC 5321 section 5.1): it is
 * ours when one of its addresses is one of our mail hosts'. Those are asked for when the domain has
 * any address at all. */
#include "dns_table.h"

#include <stdlib.h>

struct socket_address {
    size_t len;
    unsigned char bytes[16];
};

struct question {
    struct dns_fetch *fetch;
    const char *name; /* borrowed */
    enum dns_type type;
    struct resolver_call *call; /* NULL: not asked, or answered */
};

struct dns_implicit {
    struct socket_address *addresses; /* the domain's */
    size_t count, room;
    bool is_matched;
    bool asks_hosts; /* the domain's addresses are known, the mail hosts' are asked for */
    bool has_failed;
    struct resolver_answer failure; /* the first */
    size_t asked, waiting;
    struct question questions[]; /* A and AAAA of the domain, then of each mail host */
};

void dns_implicit_cancel(struct dns_fetch *f)
{
    if (f->implicit == NULL)
        return;
    for (size_t i = 0; i < f->implicit->asked; i++)
        resolver_cancel(&f->implicit->questions[i].call);
    free(f->implicit->addresses);
    free(f->implicit);
    f->implicit = NULL;
}

static bool is_known(const struct dns_implicit *s, const struct dns_record *record)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct socket_address *a = &s->addresses[i];

        if (a->len == record->address_len && memcmp(a->bytes, record->address, a->len) == 0)
            return true;
    }
    return false;
}

/* As many as a message can hold, which is a few thousand. */
static void keep(struct dns_implicit *s, const struct dns_record *record)
{
    struct socket_address *a;

    if (s->count == s->room) {
        s->room = s->room == 0 ? 4 : s->room * 2;
        s->addresses = xreallocarray(s->addresses, s->room, sizeof(*s->addresses));
    }
    a = &s->addresses[s->count++];
    a->len = record->address_len;
    memcpy(a->bytes, record->address, sizeof(a->bytes));
}

static void note(struct dns_fetch *f, const struct resolver_answer *answer)
{
    struct dns_implicit *s = f->implicit;
    struct dns_cursor cursor;
    struct dns_record record;

    dns_table_note(f, answer);
    if (answer->outcome != RESOLVER_ANSWERED) {
        if (!s->has_failed)
            s->failure = *answer;
        s->has_failed = true;
        return;
    }
    cursor = dns_walk(&answer->dns);
    while (!s->is_matched && dns_next(&cursor, &record)) {
        if (s->asks_hosts)
            s->is_matched = is_known(s, &record);
        else
            keep(s, &record);
    }
}

static void on_addresses(void *arg, const struct resolver_answer *answer);

static void ask(struct dns_fetch *f, const char *name)
{
    static const enum dns_type types[] = {DNS_A, DNS_AAAA};
    struct dns_implicit *s = f->implicit;

    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct question *q = &s->questions[s->asked++];

        q->fetch = f;
        q->name = name;
        q->type = types[i];
        q->call = resolver_start(dns_table_of(f->base.table)->resolver, name, types[i],
                                 f->base.deadline_at_ms, on_addresses, q);
        s->waiting++;
    }
}

/* All that was asked for is there, or has failed, which matters only where nothing was found. */
static void conclude(struct dns_fetch *f)
{
    struct dns_implicit *s = f->implicit;
    const struct resolver_answer failure = s->failure;
    const bool is_matched = s->is_matched, has_failed = s->has_failed;

    dns_implicit_cancel(f);
    if (is_matched)
        dns_table_found(f);
    else if (has_failed)
        dns_table_failed(f, &failure);
    else
        dns_table_missed(f);
}

static void on_addresses(void *arg, const struct resolver_answer *answer)
{
    struct question *q = arg;
    struct dns_fetch *f = q->fetch;
    struct dns_implicit *s = f->implicit;
    const struct dns_table *t = dns_table_of(f->base.table);

    q->call = NULL;
    s->waiting--;
    dns_explain_answer(&f->base, q->type == DNS_A ? "A" : "AAAA", q->name, answer);
    note(f, answer);
    if (s->waiting == 0 && s->count > 0 && !s->asks_hosts) {
        s->asks_hosts = true;
        for (size_t i = 0; i < t->host_count; i++)
            ask(f, t->hosts[i]);
    }
    if (s->waiting == 0 || s->is_matched)
        conclude(f);
}

void dns_implicit_start(struct dns_fetch *f)
{
    const size_t questions = 2 + 2 * dns_table_of(f->base.table)->host_count;

    f->implicit = xcalloc(1, sizeof(*f->implicit) + questions * sizeof(struct question));
    ask(f, f->domain);
}
