/* overlay.h - adds the command line to the tree of the file. Private to src/config. */
#ifndef PODOP_CONFIG_OVERLAY_H
#define PODOP_CONFIG_OVERLAY_H

#include "podop/settings.h"

#include "tree.h"

/* Appends --socket and --mode to the listeners of the file, and --name, --type and --param to its
 * tables, where they replace a table of the same name. */
void overlay_add(struct node *root, const struct config_source *source);

/* Applies one --set. Takes value. path consists of names and [index]es with dots between them. The
 * name of a table may follow "tables."; as names may have dots, the longest one that fits is used.
 * Missing groups on the path are made; the schema checks their names later. Returns 0, or -1 with
 * the reason in err when the path does not exist. */
int overlay_set(struct node *root, const char *path, struct node *value, struct error *err);

#endif
