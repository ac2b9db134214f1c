/* counter_set.h - describes counters as data: a snapshot struct holds the values of one moment, and
 * an array says what each value is called and means. Each format is one function that walks the
 * array, such as counter_set_log() and counter_set_add_json(), so a new format needs no change
 * where the counters are. Names are an interface: podop(8) lists them. */
#ifndef PODOP_COUNTER_SET_H
#define PODOP_COUNTER_SET_H

#include "podop/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum counter_kind {
    COUNTER_TOTAL,     /* uint64_t: grows only */
    COUNTER_GAUGE,     /* uint64_t: as it is now */
    COUNTER_FLAG,      /* bool */
    COUNTER_LABEL,     /* struct span: says what the snapshot is of; left out when it is empty */
    COUNTER_HISTOGRAM, /* struct histogram; at most one in a set */
};

/* Counts of values in buckets. All pointers are borrowed. */
struct histogram {
    const uint32_t *bounds; /* the upper bound of each bucket; the last is 0: no bound */
    const uint64_t *counts;
    size_t buckets;
    const char *bound_name; /* of a bound, in JSON, with its unit */
};

#define COUNTER_ALWAYS_SHOWN SIZE_MAX

struct counter {
    enum counter_kind kind;
    const char *group;    /* the JSON object that it is a member of; NULL: of the outermost */
    const char *name;     /* in JSON; NULL: not there */
    const char *log_name; /* in the log line; NULL: not there */
    const char *help;     /* one line */
    size_t offset;        /* of the value in the snapshot */
    size_t shown_offset;  /* of the bool in the snapshot that says whether JSON has the group, or
                           * COUNTER_ALWAYS_SHOWN. The log line always has all of its fields. */
};

/* In the order of the log line. JSON has the members of a group where its first member is. */
struct counter_set {
    const struct counter *counters;
    size_t count;
};

/* The value of a counter in a snapshot, according to its kind. */
uint64_t counter_number(const struct counter *counter, const void *snapshot);
bool counter_flag(const struct counter *counter, const void *snapshot);
struct span counter_label(const struct counter *counter, const void *snapshot);
struct histogram counter_histogram(const struct counter *counter, const void *snapshot);
bool counter_is_shown(const struct counter *counter, const void *snapshot);

/* Writes one event "counters" at level warning. */
void counter_set_log(const struct counter_set *set, const void *snapshot, struct log *log);

#endif
