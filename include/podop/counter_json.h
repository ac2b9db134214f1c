/* counter_json.h - writes counters as members of a JSON object. */
#ifndef PODOP_COUNTER_JSON_H
#define PODOP_COUNTER_JSON_H

#include "podop/buf.h"
#include "podop/counter_set.h"

/* Appends the members. The caller writes the braces around them. */
void counter_set_add_json(const struct counter_set *set, const void *snapshot, struct buf *out);
/* Appends one member, the object with the counters of that group. */
void counter_set_add_json_group(const struct counter_set *set, const char *group,
                                const void *snapshot, struct buf *out);
/* Appends one member, the array of buckets. */
void json_add_histogram(struct buf *out, const char *name, const struct histogram *histogram);

#endif
