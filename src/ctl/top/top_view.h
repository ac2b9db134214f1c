/* top_view.h - the picture of podopctl top: a pure function of a sample, its rates and the size.
 * Private to podopctl. */
#ifndef PODOP_CTL_TOP_TOP_VIEW_H
#define PODOP_CTL_TOP_TOP_VIEW_H

#include "top_tables.h"

#include <time.h>

struct top_view {
    size_t width, height; /* of the picture, in columns and lines; SIZE_MAX: as much as it takes */
    enum top_order order; /* of the tables */
    size_t skipped;       /* tables that are above the first visible one */
    time_t now;
    const char *fault;  /* why podop does not answer; NULL: it does */
    time_t fault_since; /* when it did so for the first time */
    bool has_keys;      /* the last line names the keys */
};

/* Fills page, which top_page_init() made for view->width, with at most view->height lines. */
void top_view_draw(const struct top_view *view, const struct top_sample *sample,
                   const struct top_rates *rates, struct top_page *page);

#endif
