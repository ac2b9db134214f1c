/* names.h - a cache of the addresses of backends' names, from the hosts file or DNS. Addresses are
 * used for their time to live, and then refreshed in the background. Private to src/backend. */
#ifndef PODOP_BACKEND_DNS_NAMES_H
#define PODOP_BACKEND_DNS_NAMES_H

#include "name_addresses.h"

#include "podop/list.h"
#include "podop/log.h"

struct ev_loop;
struct names; /* the cache; one for each http */
struct name;  /* one name, shared by all hosts that have it */

struct names *names_new(struct ev_loop *loop);
void names_free(struct names **names); /* all names must have been unref'ed */
/* Logs outages from now on. Without this, nothing is logged. */
void names_set_log(struct names *names, struct log *log);
/* Reads /etc/resolv.conf and /etc/hosts again, and resolves all names again. */
void names_reload(struct names *names);

/* Returns the name, which is resolved as soon as the loop runs. Each ref needs an unref. */
struct name *names_ref(struct names *names, const char *host);
void names_unref(struct name **name);

const struct name_addresses *name_addresses(const struct name *name);
/* Note that a connection to the address failed or was slow, and that one succeeded. */
void name_avoid(struct name *name, const struct endpoint *address);
void name_trust(struct name *name, const struct endpoint *address);

/* Begins to resolve the name if no address is known. The result may be there on return. */
void name_need(struct name *name);
/* Resolves the name again because no address works, but not twice within a second. The result may
 * be there on return. */
void name_renew(struct name *name);
/* Returns whether a round of queries is in progress. */
bool name_is_resolving(const struct name *name);

/* One waiter. The memory belongs to the owner. Zeroed but for on_news: it does not wait. */
struct name_wait {
    struct list_node node;
    void (*on_news)(struct name_wait *wait); /* called once, from the loop, when addresses are
                                              * known or the round has ended */
};
void name_wait_start(struct name *name, struct name_wait *wait); /* if name_is_resolving() */
void name_wait_stop(struct name_wait *wait);                     /* fine when it does not wait */

static inline bool name_is_waiting(const struct name_wait *wait)
{
    return list_has(&wait->node);
}

#endif
