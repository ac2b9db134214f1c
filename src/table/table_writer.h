/* table_writer.h - makes the pending writes of one table name when they are due, tries them again
 * and gives them up. Private to src/table. */
#ifndef PODOP_TABLE_TABLE_WRITER_H
#define PODOP_TABLE_TABLE_WRITER_H

#include "table_writes.h"

void table_writer_run(struct table_writes *w); /* makes what is due, within the budget of a turn */
/* Makes all writes due now, because podop stops. Those under way may ask suspended URLs, too. */
void table_writer_stop(struct table_writes *w);
/* Counts and logs the writes that are left as lost. */
void table_writer_give_up(struct table_writes *w);

#endif
