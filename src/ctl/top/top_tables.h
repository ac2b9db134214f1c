/* top_tables.h - the two lists of podopctl top: tables and backends. Private to podopctl. */
#ifndef PODOP_CTL_TOP_TOP_TABLES_H
#define PODOP_CTL_TOP_TOP_TABLES_H

#include "top_view.h"

/* Append a line of titles and at most lines - 1 further lines; the last one says how many items are
 * not shown. Nothing where there is no item, or no line. */
void top_tables_draw(const struct top_view *view, const struct top_sample *sample,
                     const struct top_rates *rates, size_t lines, struct top_page *page);
void top_backends_draw(const struct top_view *view, const struct top_sample *sample,
                       const struct top_rates *rates, size_t lines, struct top_page *page);

#endif
