/* stats.h - the counters of the whole process, followed by those of its tables: as JSON for the
 * control socket, and as lines for the log. podop(8) describes each. */
#ifndef PODOP_SERVER_STATS_H
#define PODOP_SERVER_STATS_H

#include "clients.h"

#include "podop/counter_set.h"
#include "podop/http.h"
#include "podop/router.h"

#include <time.h>

/* The counters of the server itself. */
struct stats {
    uint64_t started_at_ms;
    uint64_t reloads, reloads_failed;
    time_t reloaded_at; /* of the last reload; 0: none */
    bool has_failed;    /* the last reload */
    uint64_t refused;   /* connections of clients that 'allow' does not name */
};

/* The parts of the server that have counters. Borrowed for the call. */
struct stats_sources {
    const struct stats *own;
    const struct clients *clients;
    const struct http *http;
    const struct router *router;
    struct ev_loop *loop;
};

extern const struct counter_set stats_process_set;
extern const struct counter_set stats_pool_set; /* of the connections to one backend */

void stats_add(const struct stats_sources *sources, struct buf *out); /* members of an object */
/* Logs an event "counters" for the process and one for each table, at level warning, so that they
 * are written at every configured level but error. */
void stats_log(const struct stats_sources *sources, struct log *log);

#endif
