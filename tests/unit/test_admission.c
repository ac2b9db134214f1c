#include "unit.h"

#include "server/admission.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct log log_;
static struct admission admission;
static struct listen_config listen_;

static int setup(void **state)
{
    (void)state;
    log_ = (struct log){.level = LOG_LEVEL_ERROR}; /* the warnings are tested with podop itself */
    admission = (struct admission){0};
    listen_ = (struct listen_config){0};
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    allow_clear(&listen_.allowed);
    return 0;
}

static void allow(const char *text)
{
    struct error err = {0};

    allow_clear(&listen_.allowed);
    assert_int_equal(allow_add(&listen_.allowed, text, ALLOW_ON_BOTH, &err), ALLOW_ADDED);
}

static bool check(int fd)
{
    return admission_check(&admission, &listen_, fd, "/s", &log_);
}

/* The other end of the pair is this process. */
static void test_a_unix_socket(void **state)
{
    char text[40];
    int ends[2];

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(check(ends[0]));
    snprintf(text, sizeof(text), "%u", (unsigned)geteuid());
    allow(text);
    assert_true(check(ends[0]));
    snprintf(text, sizeof(text), "group:%u", (unsigned)getegid());
    allow(text);
    assert_true(check(ends[0]));
    assert_int_equal(admission.refused, 0);
    allow("127.0.0.1");
    assert_int_equal(check(ends[0]), geteuid() == 0);
    close(ends[0]);
    close(ends[1]);
}

/* Connects a client of the address to a listener of the same family, and returns both ends. */
static void connect_tcp(const char *client, const char *server, int family, int ends[2])
{
    struct sockaddr_in6 at6 = {.sin6_family = AF_INET6}, from6 = {.sin6_family = AF_INET6};
    socklen_t len = sizeof(at6);
    const int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(inet_pton(AF_INET6, server, &at6.sin6_addr), 1);
    assert_int_equal(inet_pton(AF_INET6, client, &from6.sin6_addr), 1);
    assert_int_equal(bind(listener, (struct sockaddr *)&at6, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at6, &len), 0);
    ends[1] = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(ends[1], (struct sockaddr *)&from6, sizeof(from6)), 0);
    assert_int_equal(connect(ends[1], (struct sockaddr *)&at6, len), 0);
    ends[0] = accept(listener, NULL, NULL);
    assert_int_not_equal(ends[0], -1);
    close(listener);
}

static void close_both(int ends[2])
{
    close(ends[0]);
    close(ends[1]);
}

/* A socket of IPv6 that takes IPv4 as well sees mapped addresses. */
static void test_a_mapped_address(void **state)
{
    int ends[2];

    (void)state;
    connect_tcp("::ffff:127.0.0.2", "::ffff:127.0.0.1", AF_INET6, ends);
    assert_true(check(ends[0]));
    allow("127.0.0.2");
    assert_true(check(ends[0]));
    allow("localhost");
    assert_true(check(ends[0]));
    allow("127.0.0.1");
    assert_false(check(ends[0]));
    allow("::/0");
    assert_false(check(ends[0]));
    allow("root");
    assert_false(check(ends[0]));
    assert_int_equal(admission.refused, 3);
    close_both(ends);
}

static void test_ipv6(void **state)
{
    const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in6 own = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int ends[2];

    (void)state;
    if (bind(fd, (struct sockaddr *)&own, sizeof(own)) == -1) {
        close(fd);
        skip(); /* this machine has no IPv6 */
    }
    close(fd);
    connect_tcp("::1", "::1", AF_INET6, ends);
    allow("localhost");
    assert_true(check(ends[0]));
    allow("::/64");
    assert_true(check(ends[0]));
    allow("2001:db8::/32");
    assert_false(check(ends[0]));
    close_both(ends);
}

/* A client that was gone before podop accepted it has no address any more. */
static void test_a_client_that_is_gone(void **state)
{
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_true(check(fd));
    allow("0.0.0.0/0");
    assert_false(check(fd));
    assert_int_equal(admission.refused, 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_unix_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_mapped_address, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ipv6, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_client_that_is_gone, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
