/* status_text.h - numbers and times of the status page for people, as its script writes them, too.
 * All but status_add_text() append characters that need no escapes in HTML. */
#ifndef PODOP_MONITOR_STATUS_TEXT_H
#define PODOP_MONITOR_STATUS_TEXT_H

#include "podop/buf.h"

#include <time.h>

/* Appends text with escapes, for an element or a quoted attribute of HTML. */
void status_add_text(struct buf *out, struct span text);

void status_add_count(struct buf *out, uint64_t n);                    /* "12 345", "1.23 M" */
void status_add_rate(struct buf *out, double a_second);                /* "0.4", "123" */
void status_add_share(struct buf *out, uint64_t part, uint64_t whole); /* "93 %" */
void status_add_took(struct buf *out, int64_t us);         /* "0.4 ms"; below 0: it is not known */
void status_add_lasted(struct buf *out, uint64_t seconds); /* "5 min" */
void status_add_bytes(struct buf *out, uint64_t bytes);    /* "14 MB" */
void status_add_time(struct buf *out, time_t at);          /* an element <time>, in UTC */

#endif
