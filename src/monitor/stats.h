/* stats.h - all counters of podop: of the process, its listeners, its requests, its backends and
 * its tables. They are walked in the same way for each format: JSON of the control socket, lines of
 * the log, metrics. podop(8) describes each counter. */
#ifndef PODOP_MONITOR_STATS_H
#define PODOP_MONITOR_STATS_H

#include "monitor_view.h"

#include "podop/counter_set.h"

extern const struct counter_set stats_process_set;
extern const struct counter_set stats_listener_set;
extern const struct counter_set stats_request_set; /* of one protocol and kind */
extern const struct counter_set stats_backend_set; /* of the connections to one backend */

enum stats_clients { STATS_COUNT_CLIENTS, STATS_SKIP_CLIENTS };

/* Each calls visit once, or not at all when i is too large, which the result says. Clients are
 * walked to count them, unless they are skipped. Of backends, the next one after the id is visited,
 * and *id becomes its id. */
void stats_visit_process(const struct monitor_view *view, enum stats_clients clients,
                         counter_visit_fn *visit, void *arg);
bool stats_visit_listener(const struct monitor_view *view, size_t i, counter_visit_fn *visit,
                          void *arg);
bool stats_visit_requests(const struct monitor_view *view, size_t i, counter_visit_fn *visit,
                          void *arg);
bool stats_visit_backend(const struct monitor_view *view, uint64_t *id, bool is_up,
                         counter_visit_fn *visit, void *arg);

void stats_add(const struct monitor_view *view, struct buf *out); /* members of an object */
/* Logs an event "counters" for the process and one for each table, at level warning, so that they
 * are written at every configured level but error. */
void stats_log(const struct monitor_view *view, struct log *log);

#endif
