/* json_index.h - a file that holds one JSON object, with its members sorted by name. An index never
 * changes, so that any thread may read it. */
#ifndef PODOP_JSON_INDEX_H
#define PODOP_JSON_INDEX_H

#include "podop/disposal.h"
#include "podop/error.h"
#include "podop/span.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

struct json_index;
struct key_rules;

/* Identifies a version of a file: each write to the file changes at least one of these fields. */
struct json_identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
    /* The file was not changed in the second before it was read, so that a later change has another
     * time stamp. */
    bool is_settled;
};

/* Reads path, and gives its keys the normal form of rules, which may be NULL. The first reference
 * is the caller's. Returns NULL with the reason in err, also when *is_cancelled becomes true
 * meanwhile. is_cancelled may be NULL. */
struct json_index *json_index_read(const char *path, const struct key_rules *rules,
                                   const atomic_bool *is_cancelled, struct error *err);
struct json_index *json_index_ref(struct json_index *index);
/* *index becomes NULL; a NULL *index is fine. The last reference hands the index to disposal. */
void json_index_unref(struct json_index **index, struct disposal *disposal);

/* Returns whether the file at path is still the one that was read, and unchanged. */
bool json_index_is_current(const struct json_index *index, const char *path);

/* Returns whether the reading of index began before that of other. */
bool json_index_is_older(const struct json_index *index, const struct json_index *other);

size_t json_index_count(const struct json_index *index);
struct span json_index_key(const struct json_index *index,
                           size_t i); /* decoded, in its normal form */
struct span json_index_value(const struct json_index *index, size_t i); /* JSON */
/* Returns the first member whose key is not less than key, or the count where there is none. */
size_t json_index_find(const struct json_index *index, struct span key);

#endif
