/* name_asking.h - one round of questions to DNS for the addresses of a name: A and AAAA side by
 * side, of each name that the search domains make of it until one has addresses. Private to
 * src/backend. */
#ifndef PODOP_BACKEND_NAME_ASKING_H
#define PODOP_BACKEND_NAME_ASKING_H

#include "name_addresses.h"
#include "name_files.h"

#include "podop/resolver.h"

#include <ev.h>

enum { NAME_FAMILIES = 2 }; /* IPv4, IPv6 */

struct name_asking;

/* What is known so far; is_all: and that is the end. Runs from the loop, or from the start. The
 * round is borrowed. */
typedef void name_asking_fn(struct name_asking *asking, const struct name_round *round,
                            bool is_all);

/* A or AAAA of one candidate. */
struct name_family {
    struct name_asking *asking;
    struct resolver_call *call; /* NULL: answered */
    enum name_verdict verdict;
    bool is_for_all;   /* NXDOMAIN speaks of the name, whatever the type */
    bool was_answered; /* by somebody, in whatever way */
    const char *reason;
    uint32_t ttl_s;
    size_t count;
    struct endpoint addresses[NAME_ADDRESSES_MAX];
};

/* Its owner's memory; all zero: nothing is asked. */
struct name_asking {
    struct ev_loop *loop;
    struct resolver *resolver;
    const struct resolv_conf *conf;
    const char *host;
    name_asking_fn *on_round;
    bool is_careful;
    size_t candidate;
    struct name_family families[NAME_FAMILIES];
    ev_timer half;     /* one family is there: the other is waited for */
    const char *doubt; /* why a candidate could not be told; NULL: none was */
};

/* What the pointers lead to must outlive the round. One that is careful takes the first candidate
 * that could not be told for the end: the next one may be quite another host. */
void name_asking_init(struct name_asking *asking, struct ev_loop *loop, const char *host,
                      name_asking_fn *on_round);
void name_asking_start(struct name_asking *asking, struct resolver *resolver,
                       const struct resolv_conf *conf, bool is_careful);
void name_asking_stop(struct name_asking *asking); /* fine when nothing is asked */

#endif
