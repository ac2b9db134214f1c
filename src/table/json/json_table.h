/* json_table.h - tables in a file that contains one JSON object. */
#ifndef PODOP_TABLE_JSON_JSON_TABLE_H
#define PODOP_TABLE_JSON_JSON_TABLE_H

#include "table/table_type.h"

extern const struct table_ops table_json;

#endif
