/* name_sources.h - where names are looked up: /etc/hosts, and the name servers of /etc/resolv.conf.
 * Both files are read again after a change. Private to src/backend/dns. */
#ifndef PODOP_BACKEND_DNS_NAME_SOURCES_H
#define PODOP_BACKEND_DNS_NAME_SOURCES_H

#include "name_addresses.h"
#include "name_files.h"

#include "podop/error.h"
#include "podop/resolver.h"

struct ev_loop;

struct name_sources {
    struct ev_loop *loop;
    struct resolver *resolver;   /* NULL: see resolver_error */
    struct error resolver_error; /* why there is none */
    struct resolv_conf conf;
    struct name_file_state conf_state, hosts_state;
    struct buf hosts;
    uint64_t checked_at_ms; /* of clock_coarse_ms() */
};

struct name_sources_change {
    bool is_in_hosts, is_in_servers;
};

/* Reads both files. */
void name_sources_open(struct name_sources *sources, struct ev_loop *loop);
/* all calls of the resolver must have ended */
void name_sources_close(struct name_sources *sources);

/* Checks whether the files have changed since the last check. Unless forced, it does so once a
 * second. */
struct name_sources_change name_sources_check(struct name_sources *sources, bool is_forced);
/* Reads what has changed. If the name servers have changed, resolver is replaced, so all its
 * calls must have ended. A file that cannot be opened for lack of descriptors or memory is read
 * after the next check. */
void name_sources_read(struct name_sources *sources, struct name_sources_change change);
/* Makes the next check find a change in both files. */
void name_sources_forget(struct name_sources *sources);

/* Lists the addresses of a name that is in the hosts file, or is localhost. Returns the count, 0
 * for all other names. */
size_t name_sources_find(const struct name_sources *sources, const char *host,
                         struct endpoint to[NAME_ADDRESSES_MAX]);

#endif
