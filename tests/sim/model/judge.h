/* judge.h - what podop may answer. The world notes here what goes wrong, clients what they got; a
 * broken promise ends the run with sim_broken(). One judge a process, as one podop. */
#ifndef SIM_JUDGE_H
#define SIM_JUDGE_H

#include "../run/scene.h"
#include "ledger.h"
#include "truth.h"

/* The scene, the stores (by number) and the ledger are borrowed. */
void judge_init(const struct scene *scene, struct truth *const *stores, struct ledger *ledger);
void judge_deinit(void);

struct truth *judge_store(const struct scene_table *table); /* the store of its keys */
struct truth *judge_store_of(const struct scene_backend *backend);
const struct scene_table *judge_table(const char *name, size_t len); /* NULL: there is none */

/* Answers to clients. now is sim_now(). */

enum judge_status { JUDGE_FOUND, JUDGE_MISS, JUDGE_FAILED };

struct judge_lookup {
    const struct scene_table *table;
    const char *key; /* as the client sent it; of priv/KEY, "KEY/USER" */
    enum truth_protocol protocol;
    int64_t sent_ns;      /* the first byte of the request */
    int64_t wait_most_ns; /* how long an earlier transaction can last, which it may have to wait
                           * for, and which may meet a fault that it does not meet itself. Else 0 */
    uint64_t after;       /* the number of the last transaction that was sent before it on the same
                           * connection and changes the key; 0: none is under way */
};
void judge_lookup(const struct judge_lookup *lookup, enum judge_status status, const char *text,
                  size_t len);

/* An iteration: begin it with its first byte, add each row, end it. limit 0: none. */
struct judge_rows;
struct judge_rows *judge_rows_begin(const struct scene_table *table, const char *path, bool is_deep,
                                    bool has_values, int64_t sent_ns);
void judge_row(struct judge_rows *rows, const char *name, size_t name_len, const char *value,
               size_t value_len); /* name: with path before it, without shared/ */
void judge_rows_end(struct judge_rows **rows, bool has_failed, const char *reason);
void judge_rows_left(struct judge_rows **rows); /* the client left: nothing is judged */

/* A transaction was answered: ledger_told() after a look at what excuses a failure. */
void judge_write(struct ledger_tx **tx, const struct scene_table *table, enum ledger_told told,
                 const char *reason, int64_t sent_ns, int64_t wait_most_ns);

/* An answer took from complete_ns, the last byte of the request, until now: at most the timeout of
 * its table, one turn, pauses, and wait_most_ns for answers that come first. Not for clients that
 * read nothing. */
void judge_time(const struct scene_table *table, int64_t complete_ns, int64_t wait_most_ns,
                const char *what);

/* What goes wrong. Each kind excuses only failures that it can cause. */

/* A backend as a whole. Ends with judge_back(); then a new one of the kind can begin. */
enum judge_outage {
    JUDGE_REFUSED, /* connections are refused */
    JUDGE_SILENT,  /* connections are not accepted, or what arrives is not answered */
    JUDGE_STATUS,  /* 5XX to everything */
    JUDGE_UNSENT,  /* connections are made, but no request can be sent: TLS fails */
    JUDGE_BROKEN,  /* answers to everything are broken: cut, reset, garbage */
    JUDGE_SLOW,    /* answers take so long that requests may not have the time */
    JUDGE_MOVED,   /* its name leads elsewhere than podop may know, which then is refused */
    JUDGE_CROWDED, /* requests that hang may take all connections of the pool */
    JUDGE_OUTAGES
};
void judge_out(const struct scene_backend *backend, enum judge_outage kind);
void judge_back(const struct scene_backend *backend, enum judge_outage kind);

/* One request for a key. */
enum judge_harm {
    JUDGE_HARM_STATUS,  /* an answer that is a failure of the URL: 5XX, no HTTP */
    JUDGE_HARM_FINAL,   /* a failure after which no other URL is asked: no JSON */
    JUDGE_HARM_KEPT,    /* a connection that was used before ended as the request came: podop asks
                         * again over a new one, so this alone excuses nothing */
    JUDGE_HARM_CUT,     /* the connection ended before the answer was whole */
    JUDGE_HARM_HANG,    /* no whole answer comes for a while; judge_harm_over() when it does */
    JUDGE_HARM_AS_MISS, /* a proxy's 404: a miss, or with strict a failure of the URL */
    JUDGE_HARMS
};
void judge_harm(const struct scene_backend *backend, const struct truth_key *key,
                enum judge_harm kind);
void judge_harm_over(const struct scene_backend *backend, const struct truth_key *key);

/* How a request of a url table ended, for podop's circuit breakers: each table has one for each of
 * its URLs, and one for commit_url. After a reload that changes a URL, requests of the old one are
 * still under way. */
struct judge_request {
    const struct scene_backend *backend;
    const struct scene_table *table;
    const struct truth_key *key;
    bool is_commit; /* at commit_url */
    bool has_other_path, has_other_host;
};
enum judge_outcome {
    JUDGE_ANSWERED,   /* well, or at least finally */
    JUDGE_STATUS_5XX, /* by a failure, after which another URL is asked */
    JUDGE_UNANSWERED, /* no whole answer, or none yet */
};
void judge_outcome(const struct judge_request *request, enum judge_outcome outcome);

/* A backend has ended so many connections of requests, which may have been cut; or one that was not
 * used, as a web server does, which can cost podop one of its attempts. */
void judge_cut(const struct scene_backend *backend, size_t connections);
void judge_idle_ended(const struct scene_backend *backend);

/* How long a request over a new connection takes there at most when all is well, by its route and
 * its manner. Old connections may be as slow as they were. */
void judge_slowness(const struct scene_backend *backend, int64_t ns);

void judge_absent(const struct scene_table *table, bool is_absent); /* a reload took it away */
bool judge_can_be_absent(const struct scene_table *table, int64_t at_ns); /* at that instant */
void judge_stopping(void);     /* SIGTERM was sent: podop answers what it has, and ends */
void judge_stopped(void);      /* podop has ended */
void judge_started(void);      /* it serves again, with empty caches */
void judge_paused(int64_t ns); /* sim_pause_podop() */
int64_t judge_paused_ns(int64_t from_ns, int64_t to_ns); /* how much of that time */
void judge_calls_fail(bool can_fail); /* calls fail: connect, send, memory, descriptors */
void judge_names(bool can_resolve);   /* whether some name server answers rightly */
void judge_names_slow(bool is_slow);  /* whether one does not answer, which costs a second */
void judge_program_died(const struct scene_backend *backend); /* one of its processes */
void judge_renewed(
    const struct scene_table *table,
    int64_t file_ns); /* podop surely has read the
                       * file of this json table as it was at file_ns, or a newer one */

/* The file has a fault from now on, or none: podop keeps the old one while it has. */
void judge_file_broken(const struct scene_table *table, bool is_broken);

/* After the faults have stopped, nothing excuses what begins at at_ns or later. */
void judge_recovered(int64_t at_ns);

/* Figures */
struct judge_figures {
    uint64_t lookups, found, misses, failures, iterations, writes, write_failures;
    uint64_t excused[16]; /* by reason */
};
const struct judge_figures *judge_figures(void);
const char *judge_excuse_name(unsigned reason); /* NULL: no more of them */

#endif
