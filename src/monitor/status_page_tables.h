/* status_page_tables.h - the rows of the status page about tables and backends. */
#ifndef PODOP_MONITOR_STATUS_PAGE_TABLES_H
#define PODOP_MONITOR_STATUS_PAGE_TABLES_H

#include "status_parts.h"

status_part_fn status_page_add_table;
status_part_fn status_page_add_backend;

#endif
