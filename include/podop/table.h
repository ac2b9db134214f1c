/* table.h - one named table: whatever its type, it is asked in one way and answers exactly once. */
#ifndef PODOP_TABLE_H
#define PODOP_TABLE_H

#include "podop/buf.h"
#include "podop/config.h"
#include "podop/log.h"
#include "podop/reply.h"

struct ev_loop;
struct http;
struct coprocesses;
struct disposal;
struct json_files;
struct write_behind;

/* What tables are made with; all of it outlives them. */
struct table_env {
    struct ev_loop *loop;
    struct http *http;
    struct coprocesses *coprocesses;
    struct commits *commits;           /* those under way, of all tables: transaction.h */
    struct write_behind *write_behind; /* pending writes; NULL: there are none */
    struct log *log;
    struct disposal *disposal;     /* of what is large; NULL: it goes at once */
    struct json_files *json_files; /* read in advance, only looked at while a table is opened; NULL:
                                    * a table reads its own */
};

/* What is asked for: Dovecot's priv/KEY by a user is KEY with is_private and the user, anything
 * else is a key alone. */
struct table_key {
    struct span key;
    struct span user;
    bool is_private;
};

struct table;
struct table_op; /* one caller's wait for one answer */
typedef void table_done_fn(void *arg, const struct reply *reply);

/* What can be told of config without opening anything: 0, or -1 with ERR_CONFIG. */
int table_check(const struct table_config *config, struct error *err);

/* Reads what table_open() would have to wait for into files. Nothing of config, nor of any table,
 * is changed, so another thread than the loop's may call it; previous is what tables that are open
 * now were opened with, or NULL. */
void table_prepare(const struct table_config *config, struct json_files *files,
                   const struct json_files *previous);

/* config is copied as far as it is needed. NULL with the reason in err. The first reference is the
 * caller's. */
struct table *table_open(const struct table_config *config, const struct table_env *env,
                         struct error *err);
struct table *table_ref(struct table *table);
void table_unref(struct table **table); /* *table becomes NULL; a NULL *table is fine */

/* table takes the place of previous, which has the same configuration: what that one remembers
 * belongs to both, as long as lookups and writes use them. */
void table_take_over(struct table *table, struct table *previous);
/* Makes table the one of its name: pending writes of that name are made through it. */
void table_activate(struct table *table);
/* No table has its name any more. Pending writes are still made through it. */
void table_retire_name(struct table *table);
/* table serves nobody any longer, and ends with the last request that uses it: what it remembers
 * and no other table does is forgotten, and iterations whose rows nobody reads fail soon. */
void table_retire(struct table *table);
struct span table_name(const struct table *table);    /* with a NUL behind it */
uint32_t table_timeout_ms(const struct table *table); /* of a whole lookup or commit */
uint64_t table_now_ms(const struct table *table); /* service_now_ms(), the clock of its deadlines */

/* Looks key up; key is copied. What is known without waiting comes at once: NULL, and *known is the
 * answer, borrowed until any table is called again or the loop goes on. Otherwise an op, and
 * table_op_wait() follows before that. */
struct table_op *table_lookup(struct table *table, const struct table_key *key,
                              struct reply *known);
/* done runs once, from the loop; after table_op_cancel() it never runs. The reply is borrowed, and
 * ends with op when done returns; from within done, op is not to be cancelled. */
void table_op_wait(struct table_op *op, table_done_fn *done, void *arg);
/* The same lookup for a human, with notes of how its answer came about, as items of a JSON array,
 * ["name","text"] each. It is not answered from the cache and joins nobody's request. notes is
 * borrowed until the answer is there or the op is cancelled, and should be bounded: what has no
 * more room is left out. */
struct table_op *table_explain(struct table *table, const struct table_key *key, struct buf *notes,
                               struct reply *known);
const char *table_op_table(const struct table_op *op); /* the table's name */
void table_op_cancel(struct table_op **op);            /* *op becomes NULL; a NULL *op is fine */

/* What is remembered of one key, or of all; lookups under way leave nothing behind either. */
void table_drop(struct table *table, const struct table_key *key);
void table_clear(struct table *table);

/* The table's counters: an item of a JSON array, or a line in the log. */
void table_add_stats(struct table *table, struct buf *out);
void table_log_counters(const struct table *table, struct log *log);

/* What is below a path: names, each with its value unless nobody wants it. */
struct table_iteration;
struct iterate_options {
    bool recurse;      /* also names with a '/' in them */
    bool no_values;    /* the rows' values are empty */
    uint64_t max_rows; /* 0: no limit */
};
struct iterate_events {
    /* name is what stands behind the path, and is not empty. May pause, must not cancel. */
    void (*row)(void *arg, struct span name, struct span value);
    void (*done)(void *arg, const struct reply *reply); /* FOUND, or why there are no more rows */
};

/* path is copied. Rows come from the loop, never before this returns, and end with one done. */
struct table_iteration *table_iterate(struct table *table, const struct table_key *path,
                                      const struct iterate_options *options,
                                      const struct iterate_events *events, void *arg);
/* No more rows, but for a few on the way. One that stays paused for the table's timeout fails. */
void table_iteration_pause(struct table_iteration *it);
void table_iteration_touch(struct table_iteration *it); /* its time begins anew: rows are read */
void table_iteration_resume(struct table_iteration *it);
void table_iteration_cancel(struct table_iteration **it); /* *it becomes NULL; NULL is fine */

#endif
