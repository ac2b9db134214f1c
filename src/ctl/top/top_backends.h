/* top_backends.h - the list of backends in the picture of podopctl top. Private to podopctl. */
#ifndef PODOP_CTL_TOP_TOP_BACKENDS_H
#define PODOP_CTL_TOP_TOP_BACKENDS_H

#include "top_page.h"
#include "top_rates.h"

/* Appends a line of titles and at most lines - 1 further lines, backends that fail first; the last
 * one says how many are not shown. Nothing if there is no backend, or no line. */
void top_backends_draw(const struct top_sample *sample, const struct top_rates *rates, size_t lines,
                       struct top_page *page);

#endif
