/* fake_table.h - tables of a fake type: the test chooses each reply, and when it comes. The rest is
 * real: table_open() opens them. */
#ifndef PODOP_TESTS_FAKE_TABLE_H
#define PODOP_TESTS_FAKE_TABLE_H

#include "podop/log.h"
#include "podop/table.h"

#include "table/commit.h"
#include "table/fetch.h"
#include "table/iterate.h"

enum { FAKE_FETCHES_MAX = 256, FAKE_COMMITS_MAX = 256 };

struct fake_table {
    struct table_ops ops;
    struct table *table; /* a reference */
    struct log log;
    struct fetch *waiting[FAKE_FETCHES_MAX]; /* oldest first */
    size_t waiting_count;
    unsigned started, cancelled;
    struct commit *commits[FAKE_COMMITS_MAX]; /* that the table got; oldest first */
    size_t commit_count;
    bool *is_closed; /* set when the table is freed; may be NULL */
    /* Called at each lookup. Returns true with *reply for an answer at once. May be NULL: never. */
    bool (*answers_at_once)(struct span key, struct reply *reply);
};

/* A regular file with these bytes, and its path. Closing it removes it. */
struct fake_file {
    int fd;
    char path[64];
};
void fake_file_open(struct fake_file *file, struct span content);
void fake_file_close(struct fake_file *file);

/* Opens a table with config, which may be zeroed. Ignores its type and param. */
void fake_table_open(struct fake_table *fake, const char *name, const struct table_config *config,
                     struct ev_loop *loop);
/* The same, with env, whose log it replaces. The table takes writes. */
void fake_table_open_in(struct fake_table *fake, const char *name,
                        const struct table_config *config, const struct table_env *env);
void fake_table_close(struct fake_table *fake); /* releases the reference */

/* Ends the n-th waiting fetch. */
void fake_table_answer(struct fake_table *fake, size_t n, const struct reply *reply);

/* Ends the n-th commit. is_sent says that the backend may have received all changes. */
void fake_table_end_commit(struct fake_table *fake, size_t n, bool is_sent,
                           const struct reply *reply);

struct reply fake_found(struct span value); /* the same value for maps and dicts */

#endif
