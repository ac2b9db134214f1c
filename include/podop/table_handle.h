/* table_handle.h - what every module may use of a table: its environment, its name, its timeout,
 * and references to it. */
#ifndef PODOP_TABLE_HANDLE_H
#define PODOP_TABLE_HANDLE_H

#include "podop/hash.h"
#include "podop/span.h"

#include <stdbool.h>
#include <stdint.h>

struct deadline;
struct ev_loop;
struct http;
struct coprocesses;
struct commits;
struct disposal;
struct file_watch;
struct json_files;
struct json_renewals;
struct log;
struct write_behind;

/* What tables depend on. All of it outlives the tables. */
struct table_env {
    struct ev_loop *loop;
    struct http *http;
    struct coprocesses *coprocesses;
    struct commits *commits;           /* the commits under way, of all tables */
    struct write_behind *write_behind; /* pending writes; NULL: there are none */
    struct log *log;
    struct hash_key hash_key;  /* hashes the identities of keys; a secret (hash.h) */
    struct disposal *disposal; /* frees large things in small steps; NULL: they are freed at once */
    struct json_files *json_files; /* files read in advance, only used while a table is opened, and
                                    * while it is the current one of its name; NULL: a table reads
                                    * its own */
    struct file_watch *file_watch; /* NULL: no files are watched */
    struct json_renewals *json_renewals; /* NULL likewise */
};

/* The key of a request. Dovecot's priv/KEY of a user is KEY, with is_private and the user set.
 * Other keys have neither. */
struct table_key {
    struct span key;
    struct span user;
    bool is_private;
};

struct table;

struct table *table_ref(struct table *table);
void table_unref(struct table **table); /* *table becomes NULL; a NULL *table is fine */

struct span table_name(const struct table *table);    /* a NUL byte follows it */
uint32_t table_timeout_ms(const struct table *table); /* of a whole lookup or commit */
/* Returns service_now_ms(), the clock for the deadlines of the table's requests. */
uint64_t table_now_ms(const struct table *table);
/* Starts deadline, which is the caller's, for a request of table that has not begun yet. */
void table_start_deadline(const struct table *table, struct deadline *deadline, uint64_t at_ms);

#endif
