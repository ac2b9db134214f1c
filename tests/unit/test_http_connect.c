#include "unit.h"

#include "backend/dns/names.h"
#include "backend/http/http_connect.h"
#include "held_clock.h"

#include "podop/deadline.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { TIMEOUT_MS = 60 * 1000 };

struct fixture {
    struct ev_loop *loop;
    struct names *names;
    struct http_connect_target target;
    const struct endpoint *first;
    struct http_connecting *connecting;
    int listener;
    char path[64];
    unsigned results;
    struct http_connect_result result;
    char reason[256];
};

static void on_result(void *arg, const struct http_connect_result *result)
{
    struct fixture *f = arg;

    f->connecting = NULL;
    f->results++;
    f->result = *result;
    if (result->reason != NULL)
        snprintf(f->reason, sizeof(f->reason), "%s", result->reason);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof(sa);

    f->loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(f->loop);
    f->names = names_new(f->loop);
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    f->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&sa, &len), 0);
    f->target.address.port = ntohs(sa.sin_port);
    memcpy(f->target.address.bytes, &sa.sin_addr, 4);
    snprintf(f->path, sizeof(f->path), "/tmp/podop-test-connect-%d", (int)getpid());
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    http_connect_stop(&f->connecting);
    names_unref(&f->target.name);
    names_free(&f->names);
    service_clock_release(f->loop);
    ev_loop_destroy(f->loop);
    close(f->listener);
    unlink(f->path);
    free(f);
    return 0;
}

static void start(struct fixture *f, uint32_t timeout_ms)
{
    f->connecting = http_connect_start(f->loop, &f->target, f->first, timeout_ms, on_result, f);
    assert_int_equal(f->results, 0); /* not before it returns */
}

static void wait_for_result(struct fixture *f)
{
    for (int flags = EVRUN_NOWAIT; f->results == 0; flags = EVRUN_ONCE)
        ev_run(f->loop, flags);
    assert_int_equal(f->results, 1);
}

static void test_address(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(listen(f->listener, 1), 0);
    start(f, TIMEOUT_MS);
    wait_for_result(f);
    assert_int_equal(f->result.end, HTTP_CONNECTED);
    assert_int_not_equal(f->result.fd, -1);
    assert_true(endpoint_is_same_address(&f->result.peer, &f->target.address));
    assert_in_range(f->result.left_ms, 1, TIMEOUT_MS);
    close(f->result.fd);
}

/* All addresses of a name get the port of the target. */
static void test_name(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(listen(f->listener, 1), 0);
    f->target.name = names_ref(f->names, "a.localhost");
    memset(f->target.address.bytes, 0, sizeof(f->target.address.bytes));
    start(f, TIMEOUT_MS);
    wait_for_result(f); /* ::1 refuses, 127.0.0.1 does not */
    assert_int_equal(f->result.end, HTTP_CONNECTED);
    assert_int_equal(f->result.peer.port, f->target.address.port);
    assert_false(f->result.peer.is_ipv6);
    close(f->result.fd);
}

/* Opens a listener at ::1 on the port of the other one. Returns -1 if there is no IPv6. */
static int listen_at_ipv6(const struct fixture *f)
{
    const struct sockaddr_in6 sa = {.sin6_family = AF_INET6,
                                    .sin6_port = htons(f->target.address.port),
                                    .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd != -1 && bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) == 0 && listen(fd, 4) == 0)
        return fd;
    if (fd != -1)
        close(fd);
    return -1;
}

/* Without a wish, ::1 comes first. An address that the name does not have is not tried. */
static void test_first_address(void **state)
{
    static const struct {
        const char *first;
        bool is_ipv6;
    } cases[] = {{NULL, true}, {"127.0.0.1", false}, {"::1", true}, {"192.0.2.1", true}};
    struct fixture *f = *state;
    const int other = listen_at_ipv6(f);

    if (other == -1)
        skip();
    assert_int_equal(listen(f->listener, 4), 0);
    f->target.name = names_ref(f->names, "a.localhost");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint first;

        AT_CASE("%zu", i);
        f->first = NULL;
        if (cases[i].first != NULL && endpoint_parse(cases[i].first, &first))
            f->first = &first;
        f->results = 0;
        start(f, TIMEOUT_MS);
        wait_for_result(f);
        assert_int_equal(f->result.end, HTTP_CONNECTED);
        assert_int_equal(f->result.peer.is_ipv6, cases[i].is_ipv6);
        assert_int_equal(f->result.peer.port, f->target.address.port);
        close(f->result.fd);
    }
    close(other);
}

static void test_refused(void **state)
{
    struct fixture *f = *state;
    char expected[100];

    start(f, TIMEOUT_MS);
    wait_for_result(f);
    assert_int_equal(f->result.end, HTTP_CONNECT_REFUSED);
    assert_int_equal(f->result.fd, -1);
    snprintf(expected, sizeof(expected), "connect to 127.0.0.1:%u: Connection refused",
             f->target.address.port);
    assert_string_equal(f->reason, expected);
}

static void test_unix_socket(void **state)
{
    struct fixture *f = *state;
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    char expected[200];
    int listener;

    f->target.unix_socket = f->path;
    start(f, TIMEOUT_MS);
    wait_for_result(f);
    assert_int_equal(f->result.end, HTTP_CONNECT_REFUSED);
    snprintf(expected, sizeof(expected), "connect to %s: No such file or directory", f->path);
    assert_string_equal(f->reason, expected);
    listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", f->path);
    assert_int_equal(bind(listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
    assert_int_equal(listen(listener, 1), 0);
    f->results = 0;
    start(f, TIMEOUT_MS);
    wait_for_result(f);
    assert_int_equal(f->result.end, HTTP_CONNECTED);
    close(f->result.fd);
    close(listener);
}

static void test_timeout(void **state)
{
    struct sock_filter drop[] = {{BPF_RET | BPF_K, 0, 0, 0}};
    const struct sock_fprog program = {1, drop};
    struct fixture *f = *state;

    assert_int_equal(listen(f->listener, 1), 0);
    if (setsockopt(f->listener, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)) == -1) {
        assert_int_equal(errno, EPERM); /* some kernels let only root do that */
        skip();
    }
    start(f, TIMEOUT_MS);
    held_clock_pass_ms(f->loop, TIMEOUT_MS / 2);
    assert_int_equal(f->results, 0);
    HELD_CLOCK_PASS_UNTIL(f->loop, f->results > 0);
    assert_int_equal(f->result.end, HTTP_CONNECT_FAILED);
    assert_non_null(strstr(f->reason, "Connection timed out"));
}

static void test_no_socket(void **state)
{
    struct fixture *f = *state;
    struct rlimit before, none;

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    start(f, TIMEOUT_MS);
    wait_for_result(f);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_int_equal(f->result.end, HTTP_CONNECT_NO_SOCKET);
    assert_string_equal(f->reason, "Too many open files");
}

static void test_stop(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(listen(f->listener, 1), 0);
    start(f, TIMEOUT_MS);
    http_connect_stop(&f->connecting);
    assert_null(f->connecting);
    http_connect_stop(&f->connecting);
    held_clock_pass_ms(f->loop, 2 * TIMEOUT_MS);
    assert_int_equal(f->results, 0);
}

#define CONNECT_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CONNECT_TEST(test_address),     CONNECT_TEST(test_name),
        CONNECT_TEST(test_refused),     CONNECT_TEST(test_first_address),
        CONNECT_TEST(test_unix_socket), CONNECT_TEST(test_timeout),
        CONNECT_TEST(test_no_socket),   CONNECT_TEST(test_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
