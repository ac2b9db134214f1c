/* url_table.h - the table type "url". */
#ifndef PODOP_TABLE_URL_URL_TABLE_H
#define PODOP_TABLE_URL_URL_TABLE_H

#include "table/table_type.h"

extern const struct table_ops table_url;

#endif
