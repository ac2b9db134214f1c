/* json_files.h - the files of the tables that are opened together, each read once. A reload reads
 * them in advance in a thread of its own; only one thread at a time uses a struct json_files,
 * except for those that are previous. */
#ifndef PODOP_JSON_FILES_H
#define PODOP_JSON_FILES_H

#include "podop/json_index.h"
#include "podop/settings.h"

struct json_files;

struct json_files *json_files_new(struct disposal *disposal); /* borrowed */
void json_files_free(struct json_files **files);              /* NULL is fine */

/* Reads path, unless it has been read, for a table whose keys config describes. Tables share an
 * index if their keys have the same normal form. If previous (may be NULL) has the same unchanged
 * file, its index is shared. A failure is kept for json_files_get(). previous is not changed. */
void json_files_read(struct json_files *files, const struct json_files *previous, const char *path,
                     const struct key_config *config);

/* Puts another version of the file in the place of index, so that a later json_files_read() may
 * share it. May be called while files is the previous of such a call. index may be freed. */
void json_files_replace(struct json_files *files, const struct json_index *index,
                        struct json_index *next);

/* Makes a read that is in progress fail soon. May be called from any thread. */
void json_files_cancel(struct json_files *files);

/* Returns a reference to the index of path, and reads the file now if it has not been read. Returns
 * NULL with the reason in err. */
struct json_index *json_files_get(struct json_files *files, const char *path,
                                  const struct key_config *config, struct error *err);

#endif
