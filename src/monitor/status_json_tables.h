/* status_json_tables.h - the tables and backends of /status.json. */
#ifndef PODOP_MONITOR_STATUS_JSON_TABLES_H
#define PODOP_MONITOR_STATUS_JSON_TABLES_H

#include "status_parts.h"

status_part_fn status_json_add_table;
status_part_fn status_json_add_backend;

#endif
