/* searched_lookup.h - a lookup that tries several keys, the forms of one key, until one of them is
 * found. Private to src/table. */
#ifndef PODOP_TABLE_SEARCHED_LOOKUP_H
#define PODOP_TABLE_SEARCHED_LOOKUP_H

#include "table_op_private.h"

/* Looks up the forms of search, which is taken. Like table_explain() with notes, and like
 * table_lookup() when notes is NULL. */
struct table_op *searched_lookup(struct table *table, struct key_search *search, struct buf *notes,
                                 struct reply *answer);

#endif
