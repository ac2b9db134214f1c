/* status_page.h - the page /: how podop is doing, for people. The server writes the present numbers
 * into it, for browsers without JavaScript; its script keeps them up to date from /status.json. */
#ifndef PODOP_MONITOR_STATUS_PAGE_H
#define PODOP_MONITOR_STATUS_PAGE_H

#include "document.h"

extern const struct document_kind document_status_page;

#endif
