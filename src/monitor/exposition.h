/* exposition.h - writes metrics in the text formats of Prometheus: version 0.0.4, and OpenMetrics
 * 1.0. They differ in few places. Functions of bytes: the caller calls them in the right order. */
#ifndef PODOP_MONITOR_EXPOSITION_H
#define PODOP_MONITOR_EXPOSITION_H

#include "podop/buf.h"
#include "podop/counter_set.h"

enum exposition_format { EXPOSITION_TEXT, EXPOSITION_OPENMETRICS };

/* All samples of one name, with what they are. */
struct metric_family {
    const char *name; /* of a total: with "_total" */
    enum counter_kind kind;
    const char *help; /* one line without a backslash */
};

/* Writes HELP and TYPE. All samples of the family must follow. */
void exposition_add_family(enum exposition_format format, const struct metric_family *family,
                           struct buf *out);
/* Writes the counters of a set that belong to the family. The labels of the set come first. Does
 * not write counters that are not shown. */
void exposition_add_samples(const struct metric_family *family, const struct counter_set *set,
                            const void *snapshot, struct buf *out);
/* Ends the document. */
void exposition_end(enum exposition_format format, struct buf *out);

#endif
