/* transaction.h - changes to the keys of one table that belong together, in their order. */
#ifndef PODOP_TRANSACTION_H
#define PODOP_TRANSACTION_H

#include "podop/table.h"

enum change_kind { CHANGE_SET, CHANGE_UNSET, CHANGE_INCREMENT };

struct change {
    enum change_kind kind;
    struct table_key key;
    struct span value; /* SET */
    int64_t increment; /* INCREMENT */
    char *bytes;       /* what key and value point to */
};

struct transaction {
    char *user;        /* who it is for; may be empty */
    uint64_t expire_s; /* 0: never */
    bool has_timestamp;
    int64_t timestamp_s;
    uint32_t timestamp_ns;
    struct change *changes;
    size_t count;
    uint64_t *hashes; /* of the keys, sorted, once it is sealed */
    size_t bytes;     /* of memory: keys, values and what a change costs besides */
};

struct transaction *transaction_new(struct span user); /* copied; never NULL */
void transaction_free(struct transaction **transaction);
void transaction_clear(struct transaction *transaction); /* drops its changes */
/* Everything in change is copied. */
void transaction_add(struct transaction *transaction, const struct change *change);

/* A hash of what table, which may be NULL, would ask its backend for key: the key below. */
uint64_t transaction_key(struct table *table, const struct table_key *key);
/* No more changes come: now the questions below with "may" can be asked. They are quick, and say
 * yes once in a very long while where no is true. */
void transaction_seal(struct transaction *transaction, struct table *table);
/* Whether both change the same key. */
bool transaction_may_overlap(const struct transaction *a, const struct transaction *b);
bool transaction_may_touch(const struct transaction *t, uint64_t key);
/* Whether it may change a key that begins with path. */
bool transaction_touches_below(const struct transaction *t, const struct table_key *path);

/* The commits of one server, whichever table they go to. */
struct commit;
struct commits {
    struct commit *first;
    struct commit *queue, **queue_last; /* to be begun in later turns of the loop */
    size_t begun;                       /* changes since the last of those turns */
    void (*on_idle)(void *arg);         /* after the last one has ended; may be NULL */
    void *arg;
};

/* What the reply says: FOUND is done; MISS: an increment met no such key, and what became of the
 * other changes is the backend's affair; UNCERTAIN: sent, and never confirmed; anything else is a
 * failure with its reason. */
typedef void commit_done_fn(void *arg, const struct reply *reply);

/* Makes the changes, one after the other; the first failure ends it. transaction is borrowed and
 * must stay until done has run: once, from the loop, never before this returns. There is no way to
 * cancel it: who is no longer interested ignores the reply. */
void table_commit(struct table *table, const struct transaction *transaction, commit_done_fn *done,
                  void *arg);
/* Ends all of them at once, as failed or uncertain, when the server goes. */
void commits_abort(struct commits *commits);

#endif
