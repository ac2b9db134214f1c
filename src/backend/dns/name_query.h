/* name_query.h - one round of DNS queries for the addresses of a name. A and AAAA records are
 * queried at the same time, for each candidate of the search domains until one has addresses.
 * Private to src/backend/dns. */
#ifndef PODOP_BACKEND_DNS_NAME_QUERY_H
#define PODOP_BACKEND_DNS_NAME_QUERY_H

#include "name_addresses.h"
#include "name_files.h"

#include "podop/resolver.h"

#include <ev.h>

enum { NAME_FAMILIES = 2 }; /* IPv4, IPv6 */

struct name_query;

/* Reports what is known so far; with is_all, the end of the round. Called from the loop or from
 * name_query_start(). The round is borrowed. */
typedef void name_query_fn(struct name_query *query, const struct name_round *round, bool is_all);

/* A or AAAA of one candidate. */
struct name_family {
    struct name_query *query;
    struct resolver_call *call; /* NULL: answered */
    enum name_verdict verdict;
    bool is_for_all;   /* NXDOMAIN, which is true of all types */
    bool was_answered; /* by a server, usefully or not */
    const char *reason;
    uint32_t ttl_s;
    size_t count;
    struct endpoint addresses[NAME_ADDRESSES_MAX];
};

/* The memory belongs to the owner. */
struct name_query {
    struct ev_loop *loop;
    struct resolver *resolver;
    const struct resolv_conf *conf;
    const char *host;
    name_query_fn *on_round;
    bool is_careful;
    size_t candidate;
    struct name_family families[NAME_FAMILIES];
    ev_timer second_family;     /* limits the wait for it */
    const char *unknown_reason; /* of a candidate without a useful answer; NULL: none */
};

/* Prepares and starts a round. resolver, conf and host must outlive it. With is_careful, the
 * round ends at the first candidate that cannot be resolved, because the next candidate may be a
 * different host. */
void name_query_init(struct name_query *query, struct ev_loop *loop, const char *host,
                     name_query_fn *on_round);
void name_query_start(struct name_query *query, struct resolver *resolver,
                      const struct resolv_conf *conf, bool is_careful);
void name_query_stop(struct name_query *query); /* harmless when no round is in progress */

#endif
