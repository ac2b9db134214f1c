/* json_renewal.h - reads the files of json tables again when they change. A thread of its own reads
 * them, because a large file takes seconds. Tables with
 * the same file and the same normal form of keys share one reading. */
#ifndef PODOP_JSON_RENEWAL_H
#define PODOP_JSON_RENEWAL_H

#include "podop/file_watch.h"
#include "podop/json_index.h"
#include "podop/log.h"

struct json_renewals; /* all files of one server */
struct json_renewal;  /* those of one table: its file is read again */

struct json_renewals *json_renewals_new(struct ev_loop *loop, struct file_watch *watch,
                                        struct log *log, struct disposal *disposal);
/* All tables must have ended theirs. *renewals becomes NULL; a NULL *renewals is fine. */
void json_renewals_free(struct json_renewals **renewals);

struct json_renewal_user {
    const char *table;             /* its name, for messages; borrowed until the end */
    const struct key_rules *rules; /* of the keys in the file; copied; may be NULL */
    /* Called, mostly from the loop, with the index of the present file, borrowed, which may be the
     * one that the table has. Must not end a renewal. */
    void (*renewed)(void *arg, struct json_index *index);
    void *arg;
};

/* Reads path again soon, and after each change. index is what the table has read, borrowed. If
 * another table has the file of a later reading, renewed() is called before this returns. When the
 * file is broken, a warning is logged, and the table keeps what it has. */
struct json_renewal *json_renewal_start(struct json_renewals *renewals, const char *path,
                                        struct json_index *index,
                                        const struct json_renewal_user *user);
void json_renewal_stop(struct json_renewal **renewal); /* *renewal becomes NULL; NULL is fine */

#endif
