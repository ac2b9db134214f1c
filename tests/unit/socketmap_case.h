/* socketmap_case.h - shared by the tests of the socketmap protocol: two tables, "alias" and
 * "other". The part of a key after its dash names the reply. A key that begins with "now-" is
 * answered at once, any other by answer(). */
#ifndef PODOP_TESTS_SOCKETMAP_CASE_H
#define PODOP_TESTS_SOCKETMAP_CASE_H

#include "unit.h"

#include "podop/netstring.h"

#include "fake_peer.h"
#include "fake_table.h"

#include <ev.h>

#define WITH_TABLES(test)                                                                          \
    cmocka_unit_test_setup_teardown(test, socketmap_case_setup, socketmap_case_teardown)

enum {
    REQUESTS_MAX = 64,          /* of one client, as in reply_queue.h */
    OUT_BYTES_MAX = 256 * 1024, /* of unread output of one client, as in reply_queue.h */
    BIG_BYTES = 90000,          /* of the reply "big" */
};

extern struct ev_loop *loop;
extern struct fake_table alias, other;
extern struct fake_tables tables;

int socketmap_case_setup(void **state);
int socketmap_case_teardown(void **state);

void run(void);                                 /* runs the loop until it would have to wait */
void answer(struct fake_table *fake, size_t n); /* answers the n-th lookup that waits */
enum order { OLDEST_FIRST, NEWEST_FIRST };
void answer_all(enum order order);

void add_netstring(struct buf *to, struct span payload);
void send_request(struct fake_peer *peer, const char *payload);
/* Takes the next reply off the peer's output. */
void assert_reply(struct fake_peer *peer, struct span expected);

#endif
