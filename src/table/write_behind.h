/* write_behind.h - which table pending writes are made through, by name. Private to src/table. */
#ifndef PODOP_TABLE_WRITE_BEHIND_H
#define PODOP_TABLE_WRITE_BEHIND_H

#include "table_writes.h"

/* Makes table the one of its name. */
void write_behind_set_table(struct write_behind *wb, struct table *table);
void write_behind_retire(struct table_writes *w); /* no table has the name any more */

#endif
