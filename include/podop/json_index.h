/* json_index.h - a file that holds one JSON object, its members sorted by name. Once made it never
 * changes, so that any thread may look into it. */
#ifndef PODOP_JSON_INDEX_H
#define PODOP_JSON_INDEX_H

#include "podop/disposal.h"
#include "podop/error.h"
#include "podop/span.h"

#include <stdatomic.h>
#include <stdint.h>
#include <sys/stat.h>

struct json_index;

/* What a file is told by from one that was read before: it changes with each write to it. */
struct json_identity {
    dev_t device;
    ino_t inode;
    off_t size;
    struct timespec modified, changed;
    bool
        is_settled; /* it was not changed in the second before: a later change shows in its times */
};

/* Reads path: the first reference is the caller's. NULL with the reason in err, also when
 * *is_cancelled becomes true meanwhile (NULL: it never does). */
struct json_index *json_index_read(const char *path, const atomic_bool *is_cancelled,
                                   struct error *err);
struct json_index *json_index_ref(struct json_index *index);
/* *index becomes NULL; a NULL *index is fine. The last one gives it to disposal, see there. */
void json_index_unref(struct json_index **index, struct disposal *disposal);

/* Whether the file at path is the one that index was made of, and is unchanged. */
bool json_index_is_current(const struct json_index *index, const char *path);

size_t json_index_count(const struct json_index *index);
struct span json_index_key(const struct json_index *index, size_t i);   /* decoded */
struct span json_index_value(const struct json_index *index, size_t i); /* JSON */
/* The first member whose key is not below this one; the count where there is none. */
size_t json_index_find(const struct json_index *index, struct span key);

#endif
