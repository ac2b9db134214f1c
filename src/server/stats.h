/* stats.h - the counters of the whole process, and those of its tables with them: as JSON for the
 * control socket, as lines for the log. */
#ifndef PODOP_SERVER_STATS_H
#define PODOP_SERVER_STATS_H

#include "clients.h"

#include "podop/http.h"
#include "podop/router.h"

#include <time.h>

/* What the server counts itself. */
struct stats {
    uint64_t started_at_ms;
    uint64_t reloads, reloads_failed;
    time_t reloaded_at; /* the last try; 0: none */
    bool has_failed;    /* the last try */
};

/* All that is looked at; borrowed for the call. */
struct stats_sources {
    const struct stats *own;
    const struct clients *clients;
    const struct http *http;
    const struct router *router;
    struct ev_loop *loop;
};

void stats_add(const struct stats_sources *sources, struct buf *out); /* members of an object */
/* Events "counters", one for podop and one for each table. At level warning: who asks for them
 * wants them whatever the level is by default. */
void stats_log(const struct stats_sources *sources, struct log *log);

#endif
