/* dict_case.h - shared by the tests of the dict protocol: one table, "meta", whose lookups, commits
 * and iterations end when the test says so. Between setup and teardown the service clock exists. */
#ifndef PODOP_TESTS_DICT_CASE_H
#define PODOP_TESTS_DICT_CASE_H

#include "unit.h"

#include "podop/transaction.h"

#include "fake_peer.h"
#include "fake_table.h"

#include <ev.h>

#define WITH_TABLE(test) cmocka_unit_test_setup_teardown(test, dict_case_setup, dict_case_teardown)

/* Hellos of protocol 2.0, 2.2, 3.2 and 4.0. */
#define HELLO_20 "H2\t0\t0\tbob\tmeta\n"
#define HELLO_22 "H2\t2\t0\tbob\tmeta\n"
#define HELLO_32 "H3\t2\t0\t\tmeta\n"
#define HELLO_40 "H4\t0\t0\t\tmeta\n"

enum {
    WAITING_MAX = 128,
    REQUESTS_MAX = 64,          /* of one client, as in reply_queue.h */
    OUT_BYTES_MAX = 256 * 1024, /* of unread output of one client, as in reply_queue.h */
    BIG_BYTES = 90000,
};

extern struct ev_loop *loop;
extern struct fake_table meta;
extern struct commits commits;
extern struct fake_tables tables;              /* only meta */
extern struct commit *committing[WAITING_MAX]; /* in flight, oldest first */
extern size_t committing_count;
extern struct table_iteration *iterating[WAITING_MAX];
extern size_t iterating_count;

int dict_case_setup(void **state);
int dict_case_teardown(void **state); /* asserts that nothing is left */

void open_peer(struct fake_peer *peer, const char *hello);
void send_lines(struct fake_peer *peer, const char *lines);
/* Asserts what the session has sent to the peer since the last call. */
void assert_out(struct fake_peer *peer, const char *expected);
size_t pending(const struct fake_peer *peer);

void run(void); /* runs the loop until it would have to wait */

/* Each ends the n-th lookup, commit or iteration that is in flight. A lookup's reply depends on how
 * its key begins: "miss", "down", "nul"; the value of any other key is the key. */
void end_lookup(size_t n);
void end_commit(size_t n, enum reply_status status);
void row(size_t n, const char *name, const char *value); /* of an iteration */
void end_iteration(size_t n, enum reply_status status);
size_t iteration_of(const char *path); /* returns n: the loop starts iterations in any order */

enum order { OLDEST_FIRST, NEWEST_FIRST };
void end_all(enum order order); /* until nothing is in flight */

/* For answers_at_once of meta. at_once() answers keys that begin with "now", the other one all
 * keys, with a value of BIG_BYTES. */
bool at_once(struct span key, struct reply *reply);
bool big_at_once(struct span key, struct reply *reply);

#endif
