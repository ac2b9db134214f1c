/* A server that answers in parts may send the next part only after the last one is acknowledged. */
#include "http_fixture.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static unsigned acknowledged;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
int __real_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);

int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
    if (level == IPPROTO_TCP && name == TCP_QUICKACK) {
        assert_int_equal(*(const int *)value, 1);
        acknowledged++;
    }
    return __real_setsockopt(fd, level, name, value, len);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static void test_whole_answers_cost_nothing(void **state)
{
    struct http_fixture *f = *state;

    acknowledged = 0;
    for (int i = 0; i < 3; i++)
        http_fixture_ask(f, "/x");
    assert_int_equal(acknowledged, 0);
}

/* Sends an answer in parts, each after podop has acknowledged the one before. Returns how many
 * acknowledgements podop asked the kernel to send. */
static unsigned acknowledged_for_parts(struct http_fixture *f)
{
    static const struct span parts[] = {TEXT("HTTP/1.1 200 OK\r\n"),
                                        TEXT("Content-Length: 5\r\n\r\n"), TEXT("he"), TEXT("llo")};
    struct http_caller caller;
    struct backend_conn *conn;

    acknowledged = 0;
    http_caller_start_method(f, &caller, NULL, "/hold");
    HTTP_WAIT(f, backend_holds(&f->backend, "/hold"));
    conn = backend_held(&f->backend, "/hold");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        backend_say(conn, parts[i]);
        ev_run(f->loop, EVRUN_ONCE);
        if (f->backend.path[0] == '\0' && i + 1 < ARRAY_LEN(parts))
            HTTP_WAIT(f, acknowledged == i + 1);
    }
    conn->is_held = false;
    HTTP_WAIT(f, caller.answers > 0);
    http_caller_assert_body(&caller, "hello");
    return acknowledged;
}

static void test_parts_are_acknowledged(void **state)
{
    struct http_fixture *f = *state;

    assert_int_equal(acknowledged_for_parts(f), 3); /* the last one makes it whole */
    assert_int_equal(acknowledged_for_parts(f), 3); /* on an idle connection as well */
}

static void test_unix_sockets_have_nothing_to_acknowledge(void **state)
{
    struct http_fixture *f = *state;

    assert_int_equal(acknowledged_for_parts(f), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_whole_answers_cost_nothing),
        HTTP_TEST(test_parts_are_acknowledged),
        HTTP_TEST_UNIX(test_unix_sockets_have_nothing_to_acknowledge),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
