/* dns_table.h - tables that know a domain by its DNS records, in two parts: dns_table.c asks for
 * the MX records, dns_implicit.c for addresses where there are none. */
#ifndef PODOP_TABLE_DNS_DNS_TABLE_H
#define PODOP_TABLE_DNS_DNS_TABLE_H

#include "dns_settings.h"
#include "table/fetch.h"
#include "table/table_type.h"

#include "podop/mem.h"
#include "podop/outage.h"
#include "podop/resolver.h"
#include "table/idna.h"

enum { MAIL_HOSTS_MAX = 100 };

struct dns_table {
    struct table base;
    struct resolver *resolver;
    char *servers; /* for the log */
    struct outage outage;
    unsigned doubtful;              /* failures in a row that may be the fault of the domains */
    char (*hosts)[IDNA_NAME_BYTES]; /* this system's mail hosts */
    size_t host_count;
    bool best;     /* only an exchange of the lowest preference counts */
    bool implicit; /* without MX records, addresses count */
};

static inline struct dns_table *dns_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct dns_table, base);
}

/* The addresses of a domain without MX records, and those of the mail hosts. */
struct dns_implicit;

struct dns_fetch {
    struct fetch base;
    char domain[IDNA_NAME_BYTES];
    struct resolver_call *mx;
    struct dns_implicit *implicit; /* NULL: not asked */
    bool has_ttl;
    uint32_t ttl_s; /* all that was learnt holds for so long */
};

/* An answer came, or none: the log hears of outages, and the whole is true for as long as each. */
void dns_table_note(struct dns_fetch *fetch, const struct resolver_answer *answer);
/* The same for a human who asked for it; name is whose records were asked for. */
void dns_explain_answer(const struct fetch *fetch, const char *type, const char *name,
                        const struct resolver_answer *answer);
/* Each ends the fetch. */
void dns_table_found(struct dns_fetch *fetch);
void dns_table_missed(struct dns_fetch *fetch);
void dns_table_failed(struct dns_fetch *fetch, const struct resolver_answer *answer);

void dns_implicit_start(struct dns_fetch *fetch);  /* ends in one of the three above, later */
void dns_implicit_cancel(struct dns_fetch *fetch); /* without any of them */

extern const struct table_ops table_dns;

#endif
