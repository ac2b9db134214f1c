/* write_behind.h - chooses, by name, the table through which pending writes are made. Private to
 * src/table. */
#ifndef PODOP_TABLE_WRITE_BEHIND_H
#define PODOP_TABLE_WRITE_BEHIND_H

#include "table_writes.h"

/* Makes table the current one of its name. */
void write_behind_set_table(struct write_behind *wb, struct table *table);
void write_behind_retire(struct table_writes *w); /* no table has the name any more */

#endif
