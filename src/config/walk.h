/* walk.h - stores the settings of a group, as written in the tree, into the struct that the group
 * describes. Private to src/config. */
#ifndef PODOP_CONFIG_WALK_H
#define PODOP_CONFIG_WALK_H

#include "schema.h"
#include "tree.h"

enum { WHERE_BYTES_MAX = 400 }; /* " in 'cache' of table 'NAME'", names being at most 255 */

/* Stores every member of node that is a setting of group into base, and reports the others. where
 * is " in table 'alias'", or "" for the file itself. Sections are left to build.c. */
void walk_group(const struct setting_group *group, const struct node *node, void *base,
                const char *where, struct faults *faults);
/* Stores one member: a value or a group of them. */
void walk_member(const struct setting *setting, const struct node *member, void *base,
                 const char *where, struct faults *faults);
/* Reports the mandatory settings of group that neither node has nor defaults, which may be NULL. */
void walk_mandatory(const struct setting_group *group, const struct node *node,
                    const struct node *defaults, const char *where, struct faults *faults);

/* Reports "'WHAT' WHERE expects EXPECTED, got ...". */
void fault_wrong_kind(const struct node *node, const char *what, const char *where,
                      const char *expected, struct faults *faults);
/* Reports a member that is not a setting of any of the groups, with a suggestion. */
void fault_unknown(const struct setting_group *const groups[], size_t count,
                   const struct node *member, const char *where, struct faults *faults);

/* Writes " in WHAT 'NAME'", where NAME is the text of the member called name, or
 * " in SECTION.[INDEX]" if there is no such member. */
void format_where(char out[WHERE_BYTES_MAX], const struct node *node, const char *what,
                  const char *name, const char *section, size_t index);

#endif
