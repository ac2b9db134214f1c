/* overlay.h - adds the command line to the tree of the file. Private to src/config. */
#ifndef PODOP_CONFIG_OVERLAY_H
#define PODOP_CONFIG_OVERLAY_H

#include "podop/settings.h"

#include "tree.h"

/* Appends --socket and --mode to the listeners of the file, and --name, --type and --param to its
 * tables, where they replace a table of the same name. */
void overlay_add(struct node *root, const struct config_source *source);

/* Applies one --set; value is taken. path consists of names and [index]es with dots between them;
 * after "tables." the name of a table may follow, of which the longest that fits is taken, as names
 * may hold dots. Missing groups on the path are made, whatever their names: the schema checks them
 * later. 0, or -1 with the reason in err when the path leads nowhere. */
int overlay_set(struct node *root, const char *path, struct node *value, struct error *err);

#endif
