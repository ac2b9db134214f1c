/* status_html.h - pieces of HTML that the status page has in several places. */
#ifndef PODOP_MONITOR_STATUS_HTML_H
#define PODOP_MONITOR_STATUS_HTML_H

#include "podop/buf.h"

#include <stdbool.h>

void html_add(struct buf *out, const char *html);
/* Appends a state with its mark: "good", "idle", "warning" or "error", a class of the style. */
void html_add_state(struct buf *out, const char *mark, const char *state);

/* Appends the beginning of a row of a table, whose first cell is still open. */
void html_begin_row(struct buf *out, struct span name);
/* Append cells with numbers. A loud number is a problem, and a zero says little. The caller writes
 * the content and the end of the first one. */
void html_begin_cell(struct buf *out, bool is_loud, bool is_zero);
void html_add_count_cell(struct buf *out, uint64_t n);
void html_add_share_cell(struct buf *out, uint64_t part, uint64_t whole, bool is_loud);
void html_add_took_cell(struct buf *out, int64_t us);

#endif
