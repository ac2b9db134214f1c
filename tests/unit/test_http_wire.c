/* Plain sockets only: TLS needs a server, and is tested by the black-box tests tls and tls_end. */
#include "unit.h"

#include "backend/http/http_wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

static int failing_errno; /* of the next system call for a socket; 0: it does not fail */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
long __real_syscall(long number, long a, long b, long c, long d, long e, long f);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
    if (failing_errno != 0) {
        errno = failing_errno;
        failing_errno = 0;
        return -1;
    }
    return __real_syscall(number, a, b, c, d, e, f);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

struct fixture {
    struct http_wire wire;
    int peer;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    int ends[2];

    signal(SIGPIPE, SIG_IGN);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    f->wire.fd = ends[0];
    f->peer = ends[1];
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    close(f->wire.fd);
    if (f->peer != -1)
        close(f->peer);
    free(f);
    return 0;
}

static void close_peer(struct fixture *f)
{
    close(f->peer);
    f->peer = -1;
}

static void test_receive(void **state)
{
    struct fixture *f = *state;
    char bytes[16] = "";
    size_t n = 7;

    assert_int_equal(http_wire_receive(&f->wire, bytes, sizeof(bytes), &n), HTTP_WIRE_BLOCKED);
    assert_int_equal(n, 0);
    assert_int_equal(send(f->peer, "12345", 5, 0), 5);
    assert_int_equal(http_wire_receive(&f->wire, bytes, 3, &n), HTTP_WIRE_MOVED);
    assert_int_equal(n, 3);
    assert_string_equal(bytes, "123");
    close_peer(f);
    assert_int_equal(http_wire_receive(&f->wire, bytes, sizeof(bytes), &n), HTTP_WIRE_MOVED);
    assert_int_equal(n, 2);
    assert_int_equal(http_wire_receive(&f->wire, bytes, sizeof(bytes), &n), HTTP_WIRE_CLOSED);
    assert_int_equal(n, 0);
}

static void test_send(void **state)
{
    static char page[1 << 20];
    struct fixture *f = *state;
    const struct span bytes = {page, sizeof(page)};
    char received[16] = "";
    size_t n = 7;

    assert_int_equal(http_wire_send(&f->wire, SPAN("hello"), &n), HTTP_WIRE_MOVED);
    assert_int_equal(n, 5);
    assert_int_equal(recv(f->peer, received, sizeof(received), 0), 5);
    assert_string_equal(received, "hello");
    assert_int_equal(http_wire_send(&f->wire, bytes, &n), HTTP_WIRE_MOVED);
    assert_in_range(n, 1, sizeof(page) - 1);
    assert_int_equal(http_wire_send(&f->wire, bytes, &n), HTTP_WIRE_BLOCKED);
    assert_int_equal(n, 0);
    close_peer(f);
    assert_int_equal(http_wire_send(&f->wire, bytes, &n), HTTP_WIRE_FAILED);
    assert_string_equal(f->wire.reason, "Send failure: Broken pipe");
}

static void test_errors(void **state)
{
    static const struct {
        int error;
        enum http_wire_result result;
        const char *reason;
    } cases[] = {
        {EAGAIN, HTTP_WIRE_BLOCKED, ""},
        {EINTR, HTTP_WIRE_BLOCKED, ""},
        {ECONNRESET, HTTP_WIRE_FAILED, "Connection reset by peer"},
        {EHOSTUNREACH, HTTP_WIRE_FAILED, "No route to host"},
        {ETIMEDOUT, HTTP_WIRE_LOST, "Connection timed out"}, /* nothing is acknowledged */
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < 2 * ARRAY_LEN(cases); i++) {
        char byte[] = "x", expected[100] = "";
        enum http_wire_result result;
        size_t n;

        f->wire.reason[0] = '\0';
        failing_errno = cases[i / 2].error;
        result = i % 2 == 0 ? http_wire_receive(&f->wire, byte, 1, &n)
                            : http_wire_send(&f->wire, SPAN("x"), &n);
        if (result != cases[i / 2].result)
            fail_msg("%s: %d", strerror(cases[i / 2].error), (int)result);
        if (cases[i / 2].reason[0] != '\0')
            snprintf(expected, sizeof(expected), "%s failure: %s", i % 2 == 0 ? "Recv" : "Send",
                     cases[i / 2].reason);
        assert_string_equal(f->wire.reason, expected);
    }
}

static void test_silent(void **state)
{
    struct fixture *f = *state;
    char byte;
    size_t n;

    assert_true(http_wire_is_silent(&f->wire));
    assert_int_equal(send(f->peer, "x", 1, 0), 1);
    assert_false(http_wire_is_silent(&f->wire));
    assert_int_equal(http_wire_receive(&f->wire, &byte, 1, &n), HTTP_WIRE_MOVED); /* it stays */
    assert_true(http_wire_is_silent(&f->wire));
    close_peer(f);
    assert_false(http_wire_is_silent(&f->wire));
}

static unsigned user_timeout_ms(int fd)
{
    unsigned ms = 0;
    socklen_t len = sizeof(ms);

    assert_int_equal(getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &len), 0);
    return ms;
}

static void test_allow_pauses(void **state)
{
    const struct http_wire wire = {.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const unsigned before_ms = 1234;

    (void)state;
    setsockopt(wire.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &before_ms, sizeof(before_ms));
    http_wire_allow_pauses(&wire, 32768); /* fits into any receive buffer */
    assert_int_equal(user_timeout_ms(wire.fd), before_ms);
    http_wire_allow_pauses(&wire, 32769);
    assert_int_equal(user_timeout_ms(wire.fd), 0);
    close(wire.fd);
}

#define WIRE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WIRE_TEST(test_receive),
        WIRE_TEST(test_send),
        WIRE_TEST(test_errors),
        WIRE_TEST(test_silent),
        cmocka_unit_test(test_allow_pauses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
