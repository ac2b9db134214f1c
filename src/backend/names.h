/* names.h - the addresses that the names of backends stand for: from the hosts file or by DNS, kept
 * for their time to live, and asked for again before anybody has to wait. Private to src/backend.
 */
#ifndef PODOP_BACKEND_NAMES_H
#define PODOP_BACKEND_NAMES_H

#include "name_addresses.h"

#include "podop/log.h"

struct ev_loop;
struct names; /* all of one http */
struct name;  /* one of them, for all hosts that have it */

struct names *names_new(struct ev_loop *loop);
void names_free(struct names **names); /* no name may be left */
/* Tells of outages from now on; before, nobody is told. */
void names_set_log(struct names *names, struct log *log);
/* Reads /etc/resolv.conf and /etc/hosts again, and asks for all names anew. */
void names_reload(struct names *names);

/* One more user of that name, which is asked for as soon as the loop runs. */
struct name *names_ref(struct names *names, const char *host);
void names_unref(struct name **name);

const struct name_addresses *name_addresses(const struct name *name);
/* The address did not answer in time, or not well: see name_addresses.h. It did answer. */
void name_avoid(struct name *name, const struct endpoint *address);
void name_trust(struct name *name, const struct endpoint *address);

/* Addresses are needed: begins to ask where none is known. They may be there when this returns. */
void name_need(struct name *name);
/* None of them is of use: asks anew, unless that was done within the last second. They may be there
 * when this returns. */
void name_renew(struct name *name);
/* More may become known soon. */
bool name_is_asking(const struct name *name);

/* Somebody who waits for it; the owner's memory. */
struct name_wait {
    struct name_wait *next, **prev_next;     /* prev_next is NULL: it does not wait */
    void (*on_news)(struct name_wait *wait); /* runs once, from the loop: there are addresses, or
                                              * nothing is asked for any more */
};
void name_wait_start(struct name *name, struct name_wait *wait); /* while name_is_asking() */
void name_wait_stop(struct name_wait *wait);                     /* fine when it does not wait */

#endif
