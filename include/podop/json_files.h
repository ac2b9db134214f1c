/* json_files.h - the files of one generation of tables, each read once. They are read in advance,
 * where that holds up nobody, and by one thread at a time. */
#ifndef PODOP_JSON_FILES_H
#define PODOP_JSON_FILES_H

#include "podop/json_index.h"

struct json_files;

struct json_files *json_files_new(struct disposal *disposal); /* borrowed */
void json_files_free(struct json_files **files);              /* NULL is fine */

/* Reads path, unless it was; where previous (or NULL) has it unchanged, both have the same index. A
 * failure is kept as well, for json_files_get(). previous is only looked at. */
void json_files_read(struct json_files *files, const struct json_files *previous, const char *path);

/* From any thread: reading comes to its end soon, and fails. */
void json_files_cancel(struct json_files *files);

/* A reference to what was read of path, which is read now if it was not; or NULL with the reason
 * why it cannot be. */
struct json_index *json_files_get(struct json_files *files, const char *path, struct error *err);

#endif
