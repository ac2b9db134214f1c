/* status_page_text.h - the status page, which the build makes of src/monitor/page. It is HTML with
 * a mark such as <!--#tables--> for each part that is rendered. */
#ifndef PODOP_MONITOR_STATUS_PAGE_TEXT_H
#define PODOP_MONITOR_STATUS_PAGE_TEXT_H

#include <stddef.h>

extern const unsigned char status_page_text[];
extern const size_t status_page_len;
extern const char status_page_policy[]; /* its Content-Security-Policy */

#endif
