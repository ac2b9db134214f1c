/* counter_set.h - describes counters as data: a snapshot struct has the values of one moment, and
 * an array has the name and the meaning of each value. Each format is one function that walks the
 * array, such as counter_set_log() and counter_set_add_json(), so a new format needs no change
 * where the counters are. Names are an interface: podop(8) lists them. */
#ifndef PODOP_COUNTER_SET_H
#define PODOP_COUNTER_SET_H

#include "podop/log.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum counter_kind {
    COUNTER_TOTAL,     /* uint64_t: only grows */
    COUNTER_GAUGE,     /* uint64_t: the present value */
    COUNTER_FLAG,      /* bool */
    COUNTER_LABEL,     /* struct span: names what is counted; left out when it is empty */
    COUNTER_HISTOGRAM, /* struct histogram; at most one in a set */
};

/* Counts of values in buckets. All pointers are borrowed. */
struct histogram {
    const uint32_t *bounds; /* the upper bound of each bucket; the last is 0: no bound */
    const uint64_t *counts;
    size_t buckets;
    const char *bound_name; /* the JSON name of a bound, with its unit */
    uint32_t bound_us;      /* the unit of the bounds in microseconds */
    uint64_t sum_us;        /* of all values */
};

#define COUNTER_ALWAYS_SHOWN SIZE_MAX

/* What a counter is as a metric: a sample of the family of that name, with a label of its own. A
 * counter of kind COUNTER_LABEL has no family: it labels all samples of its set. */
struct counter_metric {
    const char *family; /* NULL: the counter is not a metric */
    const char *label;  /* name; NULL: none */
    const char *value;  /* of the label */
    uint32_t divisor;   /* makes the family's unit of the counter's; 0: they are equal */
};

#define COUNTER_NO_METRIC {0}

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): in tables, the kind is read first */
struct counter {
    enum counter_kind kind;
    const char *group;    /* the JSON object that has it as a member; NULL: the outermost */
    const char *name;     /* in JSON; NULL: not part of it */
    const char *log_name; /* in the log line; NULL: not part of it */
    const char *help;     /* one line */
    size_t offset;        /* of the value in the snapshot */
    size_t shown_offset;  /* of the bool in the snapshot that says whether JSON has the group, or
                           * COUNTER_ALWAYS_SHOWN. The log line always has all of its fields. */
    struct counter_metric metric;
};

/* Counters in the order of the log line. In JSON, a group is where its first counter is. */
struct counter_set {
    const struct counter *counters;
    size_t count;
};

/* Returns the counter of this name in JSON, or NULL. group may be NULL. */
const struct counter *counter_set_find(const struct counter_set *set, const char *group,
                                       const char *name);

/* Takes the counters of one thing, as they are now. All is borrowed for the call. */
typedef void counter_visit_fn(void *arg, const struct counter_set *set, const void *snapshot);

/* Return the value of a counter in a snapshot. counter_number() is for totals and gauges. */
uint64_t counter_number(const struct counter *counter, const void *snapshot);
bool counter_flag(const struct counter *counter, const void *snapshot);
struct span counter_label(const struct counter *counter, const void *snapshot);
struct histogram counter_histogram(const struct counter *counter, const void *snapshot);
bool counter_is_shown(const struct counter *counter, const void *snapshot);

/* Writes one event "counters" at level warning. */
void counter_set_log(const struct counter_set *set, const void *snapshot, struct log *log);

#endif
