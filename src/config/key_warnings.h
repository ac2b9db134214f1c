/* key_warnings.h - warns about a setting 'key' of a table that is allowed but probably wrong.
 * Private to src/config. */
#ifndef PODOP_CONFIG_KEY_WARNINGS_H
#define PODOP_CONFIG_KEY_WARNINGS_H

#include "tree.h"

/* table is the table as written, config the result with the defaults; where is " in table 'NAME'".
 * What the table inherits is not doubted: it may be meant for other tables. */
void warn_key(const struct node *table, const struct table_config *config, const char *where,
              struct faults *faults);

#endif
