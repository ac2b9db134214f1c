/* overlay.h - the command line, added to the tree of the file. Private to src/config. */
#ifndef PODOP_CONFIG_OVERLAY_H
#define PODOP_CONFIG_OVERLAY_H

#include "podop/settings.h"

#include "tree.h"

/* --socket and --mode behind the file's listeners; --name, --type, --param behind the file's tables
 * or in place of the one of the same name. */
void overlay_add(struct node *root, const struct config_source *source);

/* One --set: value is taken. path is names and [index]es with dots between; behind "tables." may
 * also stand a table's name, the longest that fits as it may hold dots. Groups on the way are made
 * where they miss, whatever their names: the schema has to look at those anyway. 0, or -1 when the
 * way ends before the path does. */
int overlay_set(struct node *root, const char *path, struct node *value, struct error *err);

#endif
