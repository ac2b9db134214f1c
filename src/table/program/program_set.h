/* program_set.h - the co-processes of one program table, and who waits for which answer of which
 * of them. */
#ifndef PODOP_TABLE_PROGRAM_PROGRAM_SET_H
#define PODOP_TABLE_PROGRAM_PROGRAM_SET_H

#include "program_settings.h"
#include "program_wire.h"
#include "table/table_type.h"

#include "podop/deadline.h"
#include "podop/shell_words.h"

struct program_set;
struct program_ticket;

enum program_failure {
    PROGRAM_UNREAD,  /* there was none to ask, or it died before it could see the request */
    PROGRAM_DIED,    /* it died before it answered */
    PROGRAM_OVERDUE, /* no answer within the time */
};

/* One wait for an answer, part of its owner's struct; zeroed but for what the owner sets. */
struct program_request {
    const struct program_request_ops *ops;
    uint64_t deadline_at_ms;
    uint64_t key; /* program_key(); 0: of none */
    /* This module's own: */
    struct program_ticket *ticket; /* NULL: nothing is under way */
    struct deadline deadline;
    bool is_second;
};

struct program_request_ops {
    bool may_ask_again; /* another process, once, when the first one dies */
    bool has_parts;     /* an answer with "more" is one of several */
    void (*add)(struct program_request *request, uint64_t id, struct buf *out); /* its line */
    /* Either of the two is the end of the wait; but after an answer with more, program_ask_more()
     * may be called. Each may free what holds the request. */
    void (*answered)(struct program_request *request, const struct program_answer *answer);
    void (*failed)(struct program_request *request, enum program_failure failure,
                   struct span reason);
};

/* The processes are started from the loop, so not before it runs. table is borrowed; words are
 * taken, and path is too. */
struct program_set *program_set_new(struct table *table, const struct program_settings *settings,
                                    struct shell_words *words, char *path);
void program_set_free(struct program_set **set); /* *set becomes NULL; NULL is fine */

/* A hash of key, never 0. */
uint64_t program_key(const struct program_set *set, const struct table_key *key);
/* Asks the process with the fewest requests that it has not answered; a key that was not answered
 * before goes to the last process, and others avoid the process that is busy with it. false: nobody
 * can be asked now, and *reason, which lives as long as the set, says why; neither of the ops runs
 * then, or before this returns.
 */
bool program_ask(struct program_set *set, struct program_request *request, const char **reason);
/* Of the process that is asked, or 0. */
long program_pid(const struct program_request *request);
/* Adds "processes" to the JSON object of a table's counters. */
void program_set_add_stats(const struct program_set *set, struct buf *out);
/* The next part, of the process that had more; false: it is gone. request->deadline_at_ms is new.
 */
bool program_ask_more(struct program_request *request);
/* Whether an answer is due now. */
bool program_is_awaited(const struct program_request *request);
/* Nobody waits any longer. The process is told with word, "cancel" or "stop"; NULL: it is not. */
void program_abandon(struct program_request *request, const char *word);

#endif
