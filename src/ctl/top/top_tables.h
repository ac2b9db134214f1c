/* top_tables.h - the list of tables in the picture of podopctl top. Private to podopctl. */
#ifndef PODOP_CTL_TOP_TOP_TABLES_H
#define PODOP_CTL_TOP_TOP_TABLES_H

#include "top_page.h"
#include "top_rates.h"

enum top_order { TOP_BY_LOOKUPS, TOP_BY_FAILURES, TOP_BY_PENDING, TOP_BY_NAME };

struct top_list {
    const struct top_sample *sample;
    const struct top_rates *rates;
    enum top_order order;
    size_t skipped; /* tables that are above the first visible one */
};

/* Appends a line of titles and at most lines - 1 further lines; the last one says how many tables
 * are not shown. Nothing if there is no table, or no line. */
void top_tables_draw(const struct top_list *list, size_t lines, struct top_page *page);

#endif
