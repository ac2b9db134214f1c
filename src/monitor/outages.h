/* outages.h - when the backends failed: the last outages of each. Plain memory with a bound. An
 * outage is one of the backend, which several tables may use: it begins with the first failure of
 * any of them, and ends when none of them reports a failure any more. */
#ifndef PODOP_MONITOR_OUTAGES_H
#define PODOP_MONITOR_OUTAGES_H

#include "podop/list.h"
#include "podop/span.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    OUTAGES_MAX = 20,           /* of one backend */
    OUTAGE_BACKENDS_MAX = 1024, /* the one whose last outage is the oldest is forgotten */
};

/* On the monotonic clock. */
struct outage_time {
    uint64_t began_ms, ended_ms; /* ended_ms is 0 while it goes on */
};

/* Borrowed, oldest first. */
struct outage_list {
    size_t count;
    struct outage_time items[OUTAGES_MAX];
};

struct outages {
    struct list backends; /* the one that failed last at the end */
    size_t count;
};

void outages_init(struct outages *outages);
void outages_deinit(struct outages *outages);

/* Record what the log says of a backend, for one of the tables that use it. */
void outages_failed(struct outages *outages, struct span backend, uint64_t now_ms);
void outages_recovered(struct outages *outages, struct span backend, uint64_t now_ms);
/* A walk, which corrects what was recorded: outages_begin(), outages_see() for every backend of
 * every table, and outages_end(). A table that ends at a reload does not report the end of its
 * outage. */
void outages_begin(struct outages *outages);
void outages_see(struct outages *outages, struct span backend, bool is_failing);
void outages_end(struct outages *outages, uint64_t now_ms);

/* Fills list, which is empty when the backend never failed. */
void outages_of(const struct outages *outages, struct span backend, struct outage_list *list);

#endif
