/* dict_session.h - a session of the dict protocol and its requests. Private to dict.c (the session:
 * hello, commands, commits), dict_query.c (lookups and iterations) and dict_order.c (which request
 * may start, and when its reply is sent). */
#ifndef PODOP_PROTOCOL_DICT_SESSION_H
#define PODOP_PROTOCOL_DICT_SESSION_H

#include "dict_line.h"
#include "dict_transaction.h"
#include "reply_queue.h"

#include "podop/deadline.h"
#include "podop/list.h"
#include "podop/protocol.h"
#include "podop/table.h"
#include "podop/transaction.h"

enum dict_kind { DICT_KIND_LOOKUP, DICT_KIND_ITERATE, DICT_KIND_COMMIT };

/* A new request is STARTING. The transitions:
 *
 *     STARTING ---> PARKED ---+      an earlier request must end first
 *        ^            |       |
 *        +------------+       |      that request has ended
 *                             v
 *                          ANSWERED  it has not, within the table's timeout
 *
 *     STARTING ---> LOOKING_UP,      the table has the request
 *        ^          ITERATING,
 *        |          COMMITTING
 *        +------------+              the table has replied
 *
 *     STARTING ---> POSTPONED_PATH,  there was no room for the reply, which was dropped; or there
 *        ^          POSTPONED_NEXT   is no room for the rows of the next path
 *        +------------+              the client has read its output
 *
 *     STARTING ---> ANSWERED         the reply is written. The request is freed at once, or when
 *                                    all earlier replies are written, too */
enum dict_state {
    DICT_STARTING, /* only within a call */
    DICT_PARKED,
    DICT_LOOKING_UP,     /* op is set */
    DICT_ITERATING,      /* iteration is set */
    DICT_COMMITTING,     /* the table uses changes */
    DICT_POSTPONED_PATH, /* will go on with the same path */
    DICT_POSTPONED_NEXT, /* will go on with the next path */
    DICT_ANSWERED,
    DICT_STATES
};

enum dict_phase { DICT_WANT_HELLO, DICT_READY };

struct dict_request;

struct dict_session {
    struct session_io io;
    struct reply_queue replies;
    enum dict_phase phase;
    uint64_t major, minor;
    char *user;       /* from the hello: in major 2, the user of all requests */
    struct span name; /* of the dict, which is the table's name; points into name_bytes */
    char *name_bytes;
    struct table *table; /* borrowed, valid while the service's serial is table_serial; or NULL */
    uint64_t table_serial;
    struct dict_transactions open;
    struct list requests; /* all that are not freed, oldest first */
    size_t count;
    size_t count_in[DICT_STATES];          /* of requests by state */
    size_t commit_bytes;                   /* of the changes in unfinished commits */
    void (*start)(struct dict_request *r); /* runs a request that is no longer parked */
    /* answers a request, which is arg, that is parked for too long; from the loop */
    deadline_fn *expire;
    bool has_ended; /* a request was answered since the last dict_order_run_parked() */
    bool is_orphan; /* the client has disconnected, and commits go on */
};

struct dict_request {
    struct reply_slot slot; /* of an asynchronous commit: in no reply queue */
    struct list_node node;
    struct dict_session *session;
    enum dict_kind kind;
    enum dict_state state;
    bool is_async;          /* of a commit: its reply does not wait for earlier replies */
    bool was_parked;        /* since the current path became due */
    bool is_after_write;    /* it is or was parked for an earlier write, not only for iterations */
    struct deadline parked; /* runs while it is parked */
    struct table *table;    /* a reference; NULL: no such table. Parked and postponed lookups and
                             * iterations have no reference, and find the table again */
    uint64_t arrived_at_ms; /* when the current path became due; its timeout counts from then */
    uint64_t arrived_at_us; /* for the debug log; 0 at other levels */
    struct table_key key;   /* of a lookup or iteration; points into name */
    /* See transaction_key(): as the client wrote the key, and in the normal form that it has in the
     * current table. 0: not computed yet. */
    uint64_t key_hashes[2];
    /* the table whose key_hashes they are; only compared, with tables of earlier commits, which are
     * kept */
    const struct table *hashed_for;
    uint64_t hashed_serial; /* of the current table */
    struct span name;       /* the current path, as the client wrote it; in bytes */
    struct span more_paths; /* of an iteration, for dict_next_path(); in bytes */
    struct span user;       /* in bytes */
    struct iterate_options options;
    bool is_exact; /* of an iteration: each path is one key */
    struct table_op *op;
    struct table_iteration *iteration;
    uint32_t id; /* of a commit: the transaction's */
    struct transaction *changes;
    size_t bytes_len;
    char bytes[];
};

enum { DICT_REASON_BYTES = 400 }; /* of the text for dict_order_refuses() */

/* dict_order.c */

/* Returns the session's table, or NULL when there is none of its name. */
struct table *dict_session_table(struct dict_session *s);
bool dict_session_logs_requests(const struct dict_session *s); /* the debug log is on */

/* Appends a request in state STARTING; name and user are copied. */
struct dict_request *dict_request_new(struct dict_session *s, enum dict_kind kind, bool is_async,
                                      struct span name, struct span user);
void dict_request_free(struct dict_request *r); /* cancels what it waits for */
/* Makes changes, which r takes over, those of r, a commit, and counts their bytes. */
void dict_request_take_changes(struct dict_request *r, struct transaction *changes);
void dict_request_set_state(struct dict_request *r, enum dict_state state);
/* Releases r's table and postpones r: state is one of the two DICT_POSTPONED. */
void dict_request_postpone(struct dict_request *r, enum dict_state state);
/* Sets a parked or postponed request to STARTING. Lookups and iterations get the current table. */
void dict_request_restart(struct dict_request *r);

/* Returns true when r must wait for an earlier request: then r is parked. */
bool dict_order_park(struct dict_request *r);
/* Returns the reply to a request that was parked for too long. */
struct reply dict_order_late(const struct dict_request *r);
/* Returns until when r's table, which there is, must have answered; on the service clock. */
uint64_t dict_order_deadline_at_ms(const struct dict_request *r);
/* Returns true and fills *reply when r must not run, because there is no such table, or because r
 * was parked for too long. The reason may point into text, which has DICT_REASON_BYTES. */
bool dict_order_refuses(struct dict_request *r, struct reply *reply, char *text);
/* Writes the reply, or the last line of an iteration. r may be freed. Requests that wait for r
 * start at the next dict_order_run_parked(). */
void dict_order_answer(struct dict_request *r, const struct reply *reply);
/* Starts the requests that need not wait any longer. */
void dict_order_run_parked(struct dict_session *s);
/* Starts parked requests and wakes the client. A completion that runs in the loop calls this last.
 */
void dict_order_continue(struct dict_session *s);

/* dict_query.c */

/* Looks name up without a request, if no request is pending, the debug log is off, and the reply is
 * known at once. Returns false otherwise: the caller needs a request and dict_query_run(). */
bool dict_query_lookup_at_once(struct dict_session *s, struct span name, struct span user);
/* Runs a lookup or iteration in state STARTING: one path after the other, until r waits or is
 * answered. */
void dict_query_run(struct dict_request *r);
/* Resumes postponed requests and paused iterations. */
void dict_query_output_drained(struct dict_session *s);

#endif
