/* dns_implicit.h - whether a domain without MX records is served by one of our mail hosts. Such
 * a domain is its own mail host (RFC 5321 section 5.1), so it must share an address with one of
 * ours. */
#ifndef PODOP_TABLE_DNS_DNS_IMPLICIT_H
#define PODOP_TABLE_DNS_DNS_IMPLICIT_H

#include "mail/idna.h"
#include "podop/resolver.h"

struct dns_implicit; /* one search under way */

/* What to search for. Everything is borrowed until the end of the search. */
struct dns_implicit_query {
    struct resolver *resolver;
    const char *domain;
    char (*hosts)[IDNA_NAME_BYTES];
    size_t host_count;
    uint64_t deadline_at_ms;
};

struct dns_implicit_events {
    /* A query for name was answered, or failed. */
    void (*answered)(void *arg, enum dns_type type, const char *name,
                     const struct resolver_answer *answer);
    /* The search has ended and is freed. failure is the first query that failed, if nothing was
     * found; NULL: none failed. */
    void (*done)(void *arg, bool is_found, const struct resolver_answer *failure);
};

/* Starts a search. Events come from the loop, and end with one done. */
struct dns_implicit *dns_implicit_start(const struct dns_implicit_query *query,
                                        const struct dns_implicit_events *events, void *arg);
/* Ends the search without any further event. *search becomes NULL; a NULL *search is fine. */
void dns_implicit_cancel(struct dns_implicit **search);

#endif
