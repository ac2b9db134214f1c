/* status_parts.h - the parts that /status.json and the status page are made of. Both begin with a
 * survey, and are then written part by part, and item by item. */
#ifndef PODOP_MONITOR_STATUS_PARTS_H
#define PODOP_MONITOR_STATUS_PARTS_H

#include "document.h"
#include "survey.h"

/* What a part is written of. Borrowed for the call. */
struct status_view {
    const struct monitor_view *monitor;
    const struct survey *survey;
};

/* Appends the i-th item of a part. Returns false, and appends nothing, when i is too large. */
typedef bool status_part_fn(const struct status_view *view, size_t i, struct buf *out);

/* The state of a document's rendering. Zeroed: not begun. */
struct status_state {
    struct survey survey;
    size_t part; /* the current one */
    size_t item; /* the next one of it */
    size_t at;   /* where it is in the text of the page */
};

/* Does a step of the survey. Returns false when it is complete, or when there is nothing to show:
 * then the status of r is 503. */
bool status_survey(struct rendering *r);
void status_end(void *state); /* of struct document_kind */

/* Reads the i-th table. Returns false when i is too large. */
bool status_read_table(const struct status_view *view, size_t i, struct status_table *table);

#endif
