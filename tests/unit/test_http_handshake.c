/* Handshakes that fail. Those that succeed need a TLS server, and are tested by the black-box tests
 * tls and tls_end, with certificates, names and resumed sessions. */
#include "unit.h"

#include "backend/http/http_handshake.h"
#include "certificate.h"
#include "held_clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TIMEOUT_MS = 60 * 1000 };

struct fixture {
    struct http_handshake handshake; /* first */
    struct ev_loop *loop;
    struct http_handshakes all;
    struct http_tls tls;
    CURLU *url;
    int peer;
    char reason[CURL_ERROR_SIZE];
    unsigned results;
    int fd;
};

static void on_done(struct http_handshake *handshake, int fd)
{
    struct fixture *f = CONTAINER_OF(handshake, struct fixture, handshake);

    f->results++;
    f->fd = fd;
}

/* Returns one end of a TCP connection that was made without blocking, as podop does: libcurl 7.88
 * calls connect() once more, which then succeeds. */
static int connect_pair(int *peer)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof(sa);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(listener, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&sa, &len), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&sa, len), -1);
    assert_int_equal(errno, EINPROGRESS);
    *peer = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    assert_int_not_equal(*peer, -1);
    close(listener);
    return fd;
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct http_tls_peer peer = {0};
    int fd;

    signal(SIGPIPE, SIG_IGN);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    f->loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(f->loop);
    http_handshakes_init(&f->all, f->loop);
    http_handshakes_allow(&f->all, 10);
    fd = connect_pair(&f->peer);
    f->url = curl_url();
    assert_int_equal(curl_url_set(f->url, CURLUPART_URL, "https://backend.test", 0), CURLUE_OK);
    f->tls.ca = SPAN(CERTIFICATE); /* the system may have none */
    peer = (struct http_tls_peer){.url = f->url, .tls = &f->tls};
    http_handshake_start(&f->handshake, &f->all, &peer, fd, TIMEOUT_MS, f->reason, on_done);
    assert_int_equal(f->results, 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    http_handshake_stop(&f->handshake);
    http_handshake_stop(&f->handshake); /* does nothing */
    http_handshakes_deinit(&f->all);
    curl_url_cleanup(f->url);
    service_clock_release(f->loop);
    ev_loop_destroy(f->loop);
    if (f->peer != -1)
        close(f->peer);
    curl_global_cleanup();
    free(f);
    return 0;
}

/* Runs until the server has the client's first message, with the name of the server (SNI). */
static void run_until_hello(struct fixture *f)
{
    char hello[4096];
    size_t len = 0;

    while (memmem(hello, len, "backend.test", strlen("backend.test")) == NULL) {
        ssize_t n;

        ev_run(f->loop, EVRUN_NOWAIT);
        if (f->results > 0)
            fail_msg("%s", f->reason);
        n = recv(f->peer, hello + len, sizeof(hello) - len, 0);
        len += n > 0 ? (size_t)n : 0;
    }
    assert_int_equal(hello[0], 22); /* a handshake record */
}

static void assert_failed(struct fixture *f)
{
    for (int flags = EVRUN_NOWAIT; f->results == 0; flags = EVRUN_ONCE)
        ev_run(f->loop, flags);
    assert_int_equal(f->results, 1);
    assert_int_equal(f->fd, -1);
    assert_true(f->reason[0] != '\0');
}

static void test_server_closes(void **state)
{
    struct fixture *f = *state;

    run_until_hello(f);
    close(f->peer);
    f->peer = -1;
    assert_failed(f);
}

static void test_server_without_tls(void **state)
{
    const struct span answer = SPAN("HTTP/1.1 400 Bad Request\r\n\r\n");
    struct fixture *f = *state;

    run_until_hello(f);
    assert_int_equal(send(f->peer, answer.ptr, answer.len, 0), answer.len);
    assert_failed(f);
}

static void test_timeout(void **state)
{
    struct fixture *f = *state;

    run_until_hello(f);
    held_clock_pass_ms(f->loop, TIMEOUT_MS / 2);
    assert_int_equal(f->results, 0);
    HELD_CLOCK_PASS_UNTIL(f->loop, f->results > 0);
    assert_failed(f);
    assert_string_equal(f->reason, "the TLS handshake timed out within connect_timeout");
}

/* The descriptor is closed, whether libcurl has got it already or not. */
static void test_stop(void **state)
{
    struct fixture *f = *state;
    char bytes[4096];
    ssize_t n;

    run_until_hello(f);
    http_handshake_stop(&f->handshake);
    do
        n = recv(f->peer, bytes, sizeof(bytes), 0);
    while (n > 0 || (n == -1 && errno == EAGAIN));
    held_clock_pass_ms(f->loop, 2 * TIMEOUT_MS);
    assert_int_equal(f->results, 0);
}

static void test_stop_at_once(void **state)
{
    struct fixture *f = *state;
    ssize_t n;
    char byte;

    http_handshake_stop(&f->handshake);
    while ((n = recv(f->peer, &byte, 1, 0)) == -1)
        assert_int_equal(errno, EAGAIN);
    assert_int_equal(n, 0);
    assert_int_equal(f->results, 0);
}

#define HANDSHAKE_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        HANDSHAKE_TEST(test_server_closes), HANDSHAKE_TEST(test_server_without_tls),
        HANDSHAKE_TEST(test_timeout),       HANDSHAKE_TEST(test_stop),
        HANDSHAKE_TEST(test_stop_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
