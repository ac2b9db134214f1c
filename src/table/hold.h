/* hold.h - writes that are held back for a while (write_behind): whoever writes is answered at
 * once, and of all that is written to one key in that time only the last goes to the backend. */
#ifndef PODOP_TABLE_HOLD_H
#define PODOP_TABLE_HOLD_H

#include "table_type.h"

struct hold;

/* table is borrowed and owns the hold. */
struct hold *hold_new(struct table *table, uint32_t delay_ms);
void hold_free(struct hold **hold); /* what it holds is lost: hold_flush() comes first */

/* Takes the changes of transaction over, when all of them can wait: no increments, not too large,
 * and room for them. false: they have to be written now. */
bool hold_take(struct hold *hold, const struct transaction *transaction);
/* The last change of key that the backend has not confirmed, or NULL. Borrowed for the moment. */
const struct change *hold_find(const struct hold *hold, const struct table_key *key);
/* Whether something is held that commit's changes must not overtake. Then it is written now, and
 * commit goes on, or fails, when that has ended. */
bool hold_delays(struct hold *hold, struct commit *commit);
void hold_forget_commit(struct hold *hold, struct commit *commit); /* it does not wait any longer */
void hold_move(struct hold *hold, struct table *table);            /* table owns it from now on */
void hold_write(struct hold *hold);                                /* what waits is written now */
void hold_flush(struct hold *hold); /* the same, and nothing waits any longer, from now on */

#endif
