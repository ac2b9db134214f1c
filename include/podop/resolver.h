/* resolver.h - DNS queries to a list of name servers. No type of c-ares appears here. */
#ifndef PODOP_RESOLVER_H
#define PODOP_RESOLVER_H

#include "podop/dns_answer.h"
#include "podop/error.h"
#include "podop/settings.h"

struct ev_loop;

enum { RESOLVER_QUERIES_MAX = 500 }; /* calls in progress at a time; others wait */

struct resolver;      /* queries one list of servers */
struct resolver_call; /* one query and its answer */

/* Returns a resolver for servers, which are addresses that endpoint_parse() reads, or NULL with
 * the reason in err. An empty list stands for the servers of /etc/resolv.conf, which is read
 * once, by this function. */
struct resolver *resolver_new(struct ev_loop *loop, const struct string_list *servers,
                              struct error *err);
void resolver_free(struct resolver **resolver); /* all calls must have ended */
/* Returns the version of c-ares, such as "1.18.1". */
const char *resolver_version(void);

enum resolver_outcome {
    RESOLVER_ANSWERED, /* dns.verdict is not DNS_UNDECIDED */
    /* no server gave a useful answer, but at least one answered with SERVFAIL, REFUSED, a
     * referral or a malformed message */
    RESOLVER_REFUSED,
    RESOLVER_FAILED, /* no server could be reached */
    RESOLVER_TIMED_OUT,
};

struct resolver_answer {
    enum resolver_outcome outcome;
    const char *reason; /* unless ANSWERED; static, and without the name */
    struct dns_answer dns;
};

/* The answer is borrowed and ends when done returns. */
typedef void resolver_done_fn(void *arg, const struct resolver_answer *answer);

/* Queries the records of a host name (see idna.h), which is copied. The query waits while
 * RESOLVER_QUERIES_MAX others are in progress. done is called once, from the loop, not before this
 * returns, and not after resolver_cancel(). */
struct resolver_call *resolver_start(struct resolver *resolver, const char *name,
                                     enum dns_type type, uint64_t deadline_at_ms,
                                     resolver_done_fn *done, void *arg);
void resolver_cancel(struct resolver_call **call); /* *call becomes NULL; a NULL *call is fine */

#endif
