/* program_set.h - the co-processes of one program table, and the requests that wait for their
 * answers. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_SET_H
#define PODOP_TABLE_PROGRAM_PROGRAM_SET_H

#include "program_settings.h"
#include "program_wire.h"
#include "table/table_type.h"

#include "podop/deadline.h"
#include "podop/shell_words.h"

struct program_set;
struct program_id;

enum program_failure {
    PROGRAM_UNREAD,  /* the process died before it could read the request */
    PROGRAM_DIED,    /* the process died before it answered */
    PROGRAM_OVERDUE, /* there was no answer by the deadline */
};

/* A request that waits for its answer. It is a part of its owner's struct, and zeroed but for what
 * the owner sets. */
struct program_request {
    const struct program_request_ops *ops;
    uint64_t deadline_at_ms;
    uint64_t key; /* program_key(); 0: it is for no single key */
    /* This module's own: */
    struct program_id *id; /* NULL: nothing is under way */
    struct deadline deadline;
    bool is_second;
};

struct program_request_ops {
    bool may_ask_again; /* when the process dies, another one is asked, once */
    bool has_parts;     /* an answer with "more" is one of several */
    /* Appends the line of the request. */
    void (*add)(struct program_request *request, uint64_t id, struct buf *out);
    /* One of the two ends the wait. After an answer with more, program_ask_more() begins another
     * wait. Each may free what holds the request. */
    void (*answered)(struct program_request *request, const struct program_answer *answer);
    void (*failed)(struct program_request *request, enum program_failure failure,
                   struct span reason);
};

/* The processes are started from the loop, so not before it runs. table is borrowed; words are
 * taken, and path is too. */
struct program_set *program_set_new(struct table *table, const struct program_settings *settings,
                                    struct shell_words *words, char *path);
void program_set_free(struct program_set **set); /* *set becomes NULL; NULL is fine */

/* Returns a hash of key, never 0. */
uint64_t program_key(const struct program_set *set, const struct table_key *key);
/* Asks the process that has the fewest unanswered requests. A slow key, one that was not answered
 * before, goes to the last process, and other keys avoid the process that is busy with a slow key.
 * false: no process can be asked now, and *reason, which lives as long as the set, says why; none
 * of the ops runs. Otherwise answered() or failed() runs later, never before this returns. */
bool program_ask(struct program_set *set, struct program_request *request, const char **reason);
/* Returns the pid of the process that is asked, or 0. */
long program_pid(const struct program_request *request);
/* Adds "processes" to the JSON object of a table's counters. */
void program_set_add_stats(const struct program_set *set, struct buf *out);
/* Asks for the next part the process that had more; false: it is gone. request->deadline_at_ms is
 * that of the next part. */
bool program_ask_more(struct program_request *request);
/* Whether the request waits for an answer now. */
bool program_is_awaited(const struct program_request *request);
/* Ends the wait without an event. word, "cancel" or "stop", is sent to the process; NULL: nothing
 * is. */
void program_abandon(struct program_request *request, const char *word);

#endif
