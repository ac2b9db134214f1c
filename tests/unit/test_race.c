#include "unit.h"

#include "backend/http/race.h"

#include "podop/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LEFT_MS = 60 * 1000, USER_TIMEOUT_MS = 1234 };

static struct ev_loop *loop;
static struct race race;
static unsigned events;

static void on_event(struct race *r)
{
    assert_ptr_equal(r, &race);
    events++;
}

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    race_init(&race, loop, USER_TIMEOUT_MS, on_event);
    events = 0;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    race_stop(&race);
    ev_loop_destroy(loop);
    return 0;
}

/* Returns a socket on 127.0.0.host that does not listen yet, so connections are refused. */
static int bind_at(unsigned host, struct endpoint *at)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof(sa);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + host);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
    *at = (struct endpoint){.port = ntohs(sa.sin_port)};
    memcpy(at->bytes, &sa.sin_addr, 4);
    return fd;
}

/* Returns a listening socket on 127.0.0.host. A silent one drops all packets. */
static int listen_at(unsigned host, bool is_silent, struct endpoint *at)
{
    struct sock_filter drop[] = {{BPF_RET | BPF_K, 0, 0, 0}};
    const struct sock_fprog program = {1, drop};
    const int fd = bind_at(host, at);

    assert_int_equal(listen(fd, 16), 0);
    if (is_silent &&
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == -1) {
        assert_int_equal(errno, EPERM); /* some kernels let only root do that */
        close(fd);
        skip();
    }
    return fd;
}

/* Returns an address without a listener. */
static struct endpoint refusing_at(unsigned host)
{
    struct endpoint at;

    close(listen_at(host, false, &at));
    return at;
}

static bool is_over(void)
{
    return race.winner != NULL || race_is_lost(&race);
}

static void run_to_the_end(uint64_t left_ms)
{
    race_run(&race, left_ms);
    while (!is_over())
        ev_run(loop, EVRUN_ONCE);
}

static void assert_won_by(const struct endpoint *at)
{
    struct sockaddr_in peer;
    socklen_t len = sizeof(peer);
    int fd;

    assert_non_null(race.winner);
    fd = race_take(&race);
    assert_int_equal(getpeername(fd, (struct sockaddr *)&peer, &len), 0);
    assert_memory_equal(&peer.sin_addr, at->bytes, 4);
    close(fd);
}

static void test_delay(void **state)
{
    static const struct {
        size_t count;
        uint64_t left_ms;
        uint32_t delay_ms;
    } cases[] = {
        {1, 2000, 250},  {2, 2000, 250}, {7, 2000, 250}, {9, 2000, 200},
        {19, 2000, 100}, {32, 100, 10},  {2, 0, 10},     {1, UINT64_MAX, 250},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const uint32_t delay_ms = race_delay_ms(cases[i].count, cases[i].left_ms);

        assert_int_equal(delay_ms, cases[i].delay_ms);
    }
}

static void test_one_that_listens(void **state)
{
    struct endpoint at;
    const int fd = listen_at(1, false, &at);
    unsigned timeout_ms = 0;
    socklen_t len = sizeof(timeout_ms);

    (void)state;
    race_add(&race, &at);
    run_to_the_end(LEFT_MS);
    assert_int_equal(
        getsockopt(race.winner->io.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, &len), 0);
    assert_int_equal(timeout_ms, USER_TIMEOUT_MS);
    assert_false(race_is_self_connected(race.winner->io.fd));
    assert_won_by(&at);
    close(fd);
}

/* After a refused attempt, the next one starts without the delay. */
static void test_refused_ones_are_passed_at_once(void **state)
{
    const struct endpoint first = refusing_at(1), second = refusing_at(2);
    struct endpoint at;
    const int fd = listen_at(3, false, &at);

    (void)state;
    race_add(&race, &first);
    race_add(&race, &second);
    race_add(&race, &at);
    race.delay_ms = UINT32_MAX;
    run_to_the_end(LEFT_MS);
    assert_int_equal(race.attempts[0].error, ECONNREFUSED);
    assert_int_equal(race.attempts[1].error, ECONNREFUSED);
    assert_won_by(&at);
    close(fd);
}

/* All attempts start, however many are silent, and the silent ones are marked as slow. */
static void test_silent_ones_delay_no_other(void **state)
{
    enum { SILENT = 6 };
    struct endpoint at[SILENT + 1];
    int fds[SILENT + 1];

    (void)state;
    for (unsigned i = 0; i <= SILENT; i++) {
        fds[i] = listen_at(1 + i, i < SILENT, &at[i]);
        race_add(&race, &at[i]);
    }
    run_to_the_end(500);
    for (unsigned i = 0; i < SILENT; i++) {
        assert_true(race.attempts[i].is_slow);
        assert_int_equal(race.attempts[i].error, 0);
    }
    assert_false(race.winner->is_slow);
    assert_won_by(&at[SILENT]);
    assert_true(events > 0);
    for (unsigned i = 0; i <= SILENT; i++)
        close(fds[i]);
}

/* The service at one address restarts while the other address is silent. */
static void test_refused_ones_are_tried_again(void **state)
{
    struct endpoint at, silent;
    const int fd = bind_at(1, &at), silent_fd = listen_at(2, true, &silent);
    unsigned before;

    (void)state;
    race_add(&race, &at);
    race_add(&race, &silent);
    race_run(&race, LEFT_MS);
    while (race.attempts[0].error == 0 || !ev_is_active(&race.attempts[1].io))
        ev_run(loop, EVRUN_ONCE);
    assert_int_equal(race.attempts[0].error, ECONNREFUSED);
    for (before = events; events == before;) /* another attempt fails */
        ev_run(loop, EVRUN_ONCE);
    assert_null(race.winner);
    assert_int_equal(listen(fd, 16), 0);
    run_to_the_end(LEFT_MS);
    assert_won_by(&at);
    close(fd);
    close(silent_fd);
}

static void test_lost(void **state)
{
    const struct endpoint first = refusing_at(1), second = refusing_at(2);
    char expected[200], text[200], small[20];

    (void)state;
    race_add(&race, &first);
    race_add(&race, &second);
    race_add(&race, &first); /* it takes part already */
    assert_int_equal(race.count, 2);
    run_to_the_end(LEFT_MS);
    assert_null(race.winner);
    assert_true(race_was_refused(&race));
    assert_false(race_had_no_socket(&race));
    race_print(&race, text, sizeof(text));
    snprintf(expected, sizeof(expected),
             "connect to 127.0.0.1:%u: Connection refused, to 127.0.0.2:%u: Connection refused",
             first.port, second.port);
    assert_string_equal(text, expected);
    race_print(&race, text, strlen(expected)); /* no room for the second address */
    *strchr(expected, ',') = '\0';
    assert_string_equal(text, expected);
    race_print(&race, small, sizeof(small));
    assert_int_equal(strlen(small), sizeof(small) - 1);
}

/* An address that is added late takes part: after all others have failed, or while one is silent.
 */
static void test_added_later(void **state)
{
    const struct endpoint refusing = refusing_at(1);
    struct endpoint silent, at;
    const int silent_fd = listen_at(2, true, &silent), fd = listen_at(3, false, &at);

    (void)state;
    race_run(&race, LEFT_MS); /* no address yet */
    assert_true(race_is_lost(&race));
    race_add(&race, &refusing);
    run_to_the_end(LEFT_MS);
    assert_true(race_is_lost(&race));
    race_add(&race, &silent);
    race_run(&race, LEFT_MS);
    assert_false(is_over());
    race_add(&race, &at);
    run_to_the_end(LEFT_MS);
    assert_won_by(&at);
    close(silent_fd);
    close(fd);
}

static void test_unix_sockets(void **state)
{
    char path[200], text[300];

    (void)state;
    race_add_unix(&race, "/nowhere/s");
    run_to_the_end(LEFT_MS);
    race_print(&race, text, sizeof(text));
    assert_string_equal(text, "connect to /nowhere/s: No such file or directory");
    assert_true(race_was_refused(&race));
    memset(path, 'x', sizeof(path));
    path[0] = '/';
    path[sizeof(path) - 1] = '\0';
    race_add_unix(&race, path);
    run_to_the_end(LEFT_MS);
    assert_int_equal(race.attempts[1].error, ENAMETOOLONG);
}

/* With a full queue of connections, one more is refused at once. */
static void test_full_unix_socket(void **state)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char path[] = "/tmp/podop-race-XXXXXX", text[300];
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int waiting[2];

    (void)state;
    assert_non_null(mkdtemp(path));
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s/s", path);
    assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(fd, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++) {
        waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (connect(waiting[i], (struct sockaddr *)&sa, sizeof(sa)) == -1)
            assert_int_equal(errno, EAGAIN);
    }
    race_add_unix(&race, sa.sun_path);
    run_to_the_end(LEFT_MS);
    assert_null(race.winner);
    assert_true(race_was_refused(&race));
    race_print(&race, text, sizeof(text));
    assert_non_null(strstr(text, "Resource temporarily unavailable"));
    for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
        close(waiting[i]);
    close(fd);
    unlink(sa.sun_path);
    rmdir(path);
}

static void test_no_socket(void **state)
{
    const struct endpoint at = refusing_at(1);
    struct rlimit before, none;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    race_add(&race, &at);
    setrlimit(RLIMIT_NOFILE, &none);
    race_run(&race, LEFT_MS);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_true(race_is_lost(&race));
    assert_true(race_had_no_socket(&race));
    assert_false(race_was_refused(&race));
}

/* No descriptor is left open, however its attempt has ended. */
static void test_stop(void **state)
{
    struct endpoint silent, at;
    const int silent_fd = listen_at(1, true, &silent), fd = listen_at(2, false, &at);
    const int next = dup(fd);

    (void)state;
    close(next);
    race_add(&race, &silent);
    race_add(&race, &at);
    run_to_the_end(100);
    assert_non_null(race.winner); /* not taken */
    race_stop(&race);
    assert_int_equal(dup(fd), next);
    close(next);
    close(silent_fd);
    close(fd);
}

static void test_meets_itself(void **state)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof(sa);
    const int self = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int pair[2];

    (void)state;
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(self, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(getsockname(self, (struct sockaddr *)&sa, &len), 0);
    assert_false(race_is_self_connected(self)); /* no peer */
    assert_int_equal(connect(self, (struct sockaddr *)&sa, len), 0);
    assert_true(race_is_self_connected(self));
    close(self);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_false(race_is_self_connected(pair[0]));
    close(pair[0]);
    close(pair[1]);
}

#define WITH_LOOP(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_delay),
        cmocka_unit_test(test_meets_itself),
        WITH_LOOP(test_one_that_listens),
        WITH_LOOP(test_refused_ones_are_passed_at_once),
        WITH_LOOP(test_silent_ones_delay_no_other),
        WITH_LOOP(test_refused_ones_are_tried_again),
        WITH_LOOP(test_lost),
        WITH_LOOP(test_added_later),
        WITH_LOOP(test_unix_sockets),
        WITH_LOOP(test_full_unix_socket),
        WITH_LOOP(test_no_socket),
        WITH_LOOP(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
