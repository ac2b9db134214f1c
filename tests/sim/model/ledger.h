/* ledger.h - the writes of podop's clients: what each was told, and what the backends made of it.
 * It reports a broken promise with sim_broken(). */
#ifndef SIM_LEDGER_H
#define SIM_LEDGER_H

#include "../run/scene.h"
#include "truth.h"

enum ledger_kind { LEDGER_SET, LEDGER_UNSET, LEDGER_INC };

enum ledger_told {
    LEDGER_WAITING = 0,
    LEDGER_DONE = 'O',
    LEDGER_NOT_FOUND = 'N',
    LEDGER_FAILED = 'F',
    LEDGER_UNCERTAIN = 'W',
    LEDGER_LOST = 'x', /* the client or podop left before the answer */
};

struct ledger;
struct ledger_key; /* the changes through one table of one key, in all its spellings */
struct ledger_tx;  /* a transaction */

struct ledger *ledger_new(void);
void ledger_free(struct ledger **ledger);

/* A transaction through a table. The client must send its number, for the backend to tell it apart
 * from others: in the line T, seconds LEDGER_SECONDS, nanoseconds ledger_number(). client: those of
 * one client are made in their order; 0 is none. */
enum { LEDGER_SECONDS = 1700000000 };
struct ledger_tx *ledger_begin(struct ledger *ledger, const struct scene_table *table,
                               uint64_t client);
uint64_t ledger_number(const struct ledger_tx *tx); /* 1 to 999,999,999; then from 1 again */

/* Adds a change. value: the text of a set, as Dovecot sends it, or the number of an increment; NULL
 * for an unset. key as the client writes it, without shared/; of priv/KEY, KEY/USER. Each set needs
 * a value of its own, for which ledger_number() is good. */
void ledger_change(struct ledger_tx *tx, enum ledger_kind kind, struct truth_key *key,
                   const char *value);
size_t ledger_changes(const struct ledger_tx *tx);
struct truth_key *ledger_change_key(const struct ledger_tx *tx, size_t index);

/* The commit was sent at now_ns, its first byte. */
void ledger_sent(struct ledger_tx *tx, int64_t now_ns);

/* podop told the client (or never will, LEDGER_LOST). Called by judge_write(), which also asks
 * whether a failure is excused. The transaction belongs to the ledger after that. */
void ledger_told(struct ledger_tx **tx, enum ledger_told told, int64_t now_ns);

/* The transaction was never committed, or not wholly: it must not be made. A NULL *tx is fine. */
void ledger_drop(struct ledger_tx **tx);

/* A change as it arrives at a backend. */
struct ledger_arrival {
    const struct scene_table *table;
    struct truth_key *key; /* as the request has it */
    enum ledger_kind kind;
    const char *value; /* JSON of a set, the number of an increment */
    size_t value_len;
    uint64_t number; /* of the transaction; 0: the request does not say */
    size_t count;    /* of the changes in the request */
    bool is_late;    /* podop has given this request up: the connection is gone */
};

/* What the backend made of it. */
enum ledger_made {
    LEDGER_MADE,        /* and answers with a plain success */
    LEDGER_MADE_LATE,   /* and answers so, but late */
    LEDGER_MADE_UNSAID, /* but the answer is another, or none */
    LEDGER_NO_KEY,      /* an increment of no key: not made, 404 */
    LEDGER_REFUSED,     /* surely not made, and the answer says so */
    LEDGER_IGNORED,     /* not made, and no answer says so */
};
void ledger_arrived(struct ledger *ledger, const struct ledger_arrival *arrival,
                    enum ledger_made made, int64_t now_ns);

/* Answers that were sent lately may not have reached podop: connections end, or calls fail. */
void ledger_doubt(struct ledger *ledger, int64_t now_ns);

/* For the judge. */

struct ledger_key *ledger_find(const struct ledger *ledger, const struct scene_table *table,
                               struct truth_key *key); /* NULL: no spelling was ever changed */

/* Writes the changes of the key to the transcript. */
void ledger_trace(const struct ledger_key *key);

/* A key of the store as a lookup meets it: podop may use these rules for it. */
struct ledger_place {
    struct truth_key *key;
    unsigned rules;
};

/* What a lookup must see that was sent at sent_ns and is answered now. */
struct ledger_view {
    int64_t floor_ns; /* an acknowledged write was made then: nothing older may be seen */
    bool is_pending;  /* the last acknowledged write is surely not in the store yet: only pending
                       * values may be seen, and no failure */
};
struct ledger_view ledger_view(const struct ledger_key *key, struct ledger_place place,
                               int64_t sent_ns);

/* When the transaction of this number, which was acknowledged, has changed this key of the store;
 * INT64_MIN: it was not, or is pending. */
int64_t ledger_made_ns(const struct ledger_key *key, const struct truth_key *made, uint64_t number);

/* Whether the transaction of this number surely changes this key of the store, and was not answered
 * yet. */
bool ledger_is_waiting(const struct ledger_key *key, const struct truth_key *changed,
                       uint64_t number);

/* Whether text (NULL: a miss) is a value that may have been pending during the lookup. */
bool ledger_had_pending(const struct ledger_key *key, struct ledger_place place,
                        enum truth_protocol protocol, const char *text, size_t len,
                        int64_t sent_ns);

/* podop has ended: what was pending is written, or lost. Breaks for each lost write that excuse
 * (NULL: nothing does) gives no reason for. */
typedef const char *ledger_excuse_fn(const struct scene_table *table, const struct truth_key *key);
void ledger_stopped(struct ledger *ledger, ledger_excuse_fn *excuse, int64_t now_ns);

/* podop may give up this many pending writes: the log said write_lost. Breaks unless the backends
 * refused a value ten times, or a program said "permanent". */
void ledger_gave_up(struct ledger *ledger, const struct scene_table *table, unsigned count);

/* Writes the acknowledged writes that are not in the stores to the transcript. */
void ledger_trace_pending(const struct ledger *ledger);

/* How many acknowledged writes are not in the stores. */
size_t ledger_pending(struct ledger *ledger);
uint64_t ledger_total(const struct ledger *ledger); /* transactions since the start */

#endif
