/* test_web_server.c - the HTTP server over a socket pair, driven by single turns of the loop. */
#include "unit.h"

#include "podop/deadline.h"

#include "monitor/web_server.h"

#include <ev.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TURNS_MAX = 10000, BLOCK_BYTES = 16 * 1024, HEAD_BYTES = 1024, LARGE_BYTES = 300 * 1000 };

static struct ev_loop *loop;
static struct web_server *server;
static int peer;
static unsigned requests, gone;
static struct web_request *kept; /* a request that is not answered at once */
static char *large;
static char in[2 * LARGE_BYTES];
static size_t in_len;

static void answer(struct web_request *r, unsigned status, struct span text)
{
    static const struct web_header headers[] = {{"X-Test", "yes"}, {0}};

    web_request_answer(r, &(struct web_answer){.status = status,
                                               .media_type = "text/plain",
                                               .headers = headers,
                                               .body = web_body_of(text)});
}

static void handle(void *arg, struct web_request *r)
{
    (void)arg;
    requests++;
    if (strcmp(web_request_path(r), "/keep") == 0)
        kept = r;
    else if (strcmp(web_request_path(r), "/large") == 0)
        answer(r, 200, (struct span){large, LARGE_BYTES});
    else if (strcmp(web_request_path(r), "/accept") == 0)
        answer(r, 200, span_of(web_request_header(r, "Accept")));
    else
        answer(r, 200, SPAN("hello\n"));
}

static void on_gone(void *arg)
{
    (void)arg;
    gone++;
}

static void connect_peer(void)
{
    int pair[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    peer = pair[0];
    in_len = 0;
    web_server_add(server, pair[1], on_gone, NULL);
}

static int setup(void **state)
{
    struct error err = {0};

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    server = web_server_new(loop, handle, NULL, &err);
    assert_non_null(server);
    requests = gone = 0;
    kept = NULL;
    large = malloc(LARGE_BYTES);
    for (size_t i = 0; i < LARGE_BYTES; i++)
        large[i] = (char)('a' + i % 26);
    connect_peer();
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (loop == NULL)
        return 0;
    close(peer);
    web_server_free(&server);
    service_clock_release(loop);
    ev_loop_destroy(loop);
    free(large);
    loop = NULL;
    return 0;
}

static void send_text(const char *text)
{
    const size_t len = strlen(text);

    assert_int_equal(write(peer, text, len), len);
}

/* Does a turn, and reads what it has sent. Returns the number of bytes, or -1 at the end. */
static ssize_t turn(void)
{
    ssize_t n;

    ev_run(loop, EVRUN_NOWAIT);
    n = read(peer, in + in_len, sizeof(in) - 1 - in_len);
    if (n == -1 && errno == EAGAIN)
        return 0;
    if (n <= 0)
        return -1;
    in_len += (size_t)n;
    in[in_len] = '\0';
    return n;
}

static void run_until(const char *text)
{
    for (int i = 0; i < TURNS_MAX && (in_len == 0 || strstr(in, text) == NULL); i++)
        turn();
    if (in_len == 0 || strstr(in, text) == NULL)
        fail_msg("'%s' is not in: %s", text, in);
}

static void run_until_end(void)
{
    ssize_t n = 0;

    for (int i = 0; i < TURNS_MAX && n != -1; i++)
        n = turn();
    assert_int_equal(n, -1);
}

static void assert_has(const char *text)
{
    if (strstr(in, text) == NULL)
        fail_msg("'%s' is not in: %s", text, in);
}

static void test_get(void **state)
{
    (void)state;
    send_text("GET /x?y=z HTTP/1.1\r\nHost: a\r\n\r\n");
    run_until("hello\n");
    assert_has("HTTP/1.1 200 OK\r\n");
    assert_has("\r\nContent-Type: text/plain\r\n");
    assert_has("\r\nCache-Control: no-store\r\n");
    assert_has("\r\nX-Content-Type-Options: nosniff\r\n");
    assert_has("\r\nX-Test: yes\r\n");
    assert_has("\r\nContent-Length: 6\r\n");
    assert_null(strstr(in, "Connection: close"));
}

static void test_header(void **state)
{
    (void)state;
    send_text("GET /accept HTTP/1.1\r\nHost: a\r\naccept: text/x\r\n\r\n");
    run_until("\r\n\r\ntext/x");
}

static void test_head(void **state)
{
    (void)state;
    send_text(
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /accept HTTP/1.1\r\nHost: a\r\nAccept: end\r\n\r\n");
    run_until("\r\n\r\nend");
    assert_has("\r\nContent-Length: 6\r\n");
    assert_null(strstr(in, "hello"));
}

static void test_other_methods(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        char text[100];

        close(peer);
        connect_peer();
        snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
                 methods[i]);
        send_text(text);
        run_until("HTTP/1.1 405");
        assert_has("\r\nAllow: GET, HEAD\r\n");
    }
    assert_int_equal(requests, 0);
}

static void test_body_is_ignored(void **state)
{
    (void)state;
    send_text("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
              "GET /accept HTTP/1.1\r\nHost: a\r\nAccept: end\r\n\r\n");
    run_until("\r\n\r\nend");
    assert_int_equal(requests, 2);
}

static void test_long_head(void **state)
{
    char line[1024];

    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    send_text("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for (int i = 0; i < 20; i++) {
        if (write(peer, line, strlen(line)) == -1)
            break;
        turn();
    }
    run_until("HTTP/1.1 431");
    run_until_end();
    assert_int_equal(requests, 0);
    assert_int_equal(gone, 1);
}

static void test_pipelined(void **state)
{
    (void)state;
    send_text("GET /accept HTTP/1.1\r\nHost: a\r\nAccept: 1\r\n\r\n"
              "GET /accept HTTP/1.1\r\nHost: a\r\nAccept: 2\r\n\r\n"
              "GET /accept HTTP/1.1\r\nHost: a\r\nAccept: 3\r\n\r\n");
    run_until("\r\n\r\n3");
    assert_true(strstr(in, "\r\n\r\n1") < strstr(in, "\r\n\r\n2"));
}

/* A request may come in any pieces. */
static void test_single_bytes(void **state)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    (void)state;
    for (size_t i = 0; i < strlen(text); i++) {
        assert_int_equal(requests, 0);
        assert_int_equal(write(peer, text + i, 1), 1);
        turn();
    }
    run_until("hello\n");
}

static void test_half_request(void **state)
{
    (void)state;
    send_text("GET / HTTP/1.1\r\nHo");
    turn();
    shutdown(peer, SHUT_WR);
    run_until_end();
    assert_int_equal(requests, 0);
    assert_int_equal(gone, 1);
}

static void test_garbage(void **state)
{
    (void)state;
    send_text("5:a b c,\x01\xff\r\n\r\n");
    run_until_end();
    assert_int_equal(requests, 0);
    assert_int_equal(gone, 1);
}

/* An answer that comes later: the connection waits, and others go on. */
static void test_answer_later(void **state)
{
    const int first = peer;

    (void)state;
    send_text("GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
    while (kept == NULL)
        turn();
    connect_peer();
    send_text("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    run_until("hello\n");
    close(peer);
    peer = first;
    in_len = 0;
    answer(kept, 503, SPAN("later\n"));
    run_until("later\n");
    assert_has("HTTP/1.1 503");
}

/* A client that leaves while it waits is noticed with its answer. */
static void test_leave_while_waiting(void **state)
{
    (void)state;
    send_text("GET /keep HTTP/1.1\r\nHost: a\r\n\r\n");
    while (kept == NULL)
        turn();
    close(peer);
    for (int i = 0; i < 10; i++)
        ev_run(loop, EVRUN_NOWAIT);
    answer(kept, 200, SPAN("later\n"));
    for (int i = 0; i < TURNS_MAX && gone == 0; i++)
        ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(gone, 1);
    connect_peer();
}

/* Whatever the size of the answer, a turn sends a block of it at most. */
static void test_block_in_each_turn(void **state)
{
    const int room = 2 * LARGE_BYTES;
    unsigned turns = 0;

    (void)state;
    setsockopt(peer, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    send_text("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    while (in_len < LARGE_BYTES) {
        const ssize_t n = turn();

        assert_in_range(n, 0, HEAD_BYTES + BLOCK_BYTES);
        turns += n > 0;
        assert_true(turns < TURNS_MAX);
    }
    assert_in_range(turns, LARGE_BYTES / BLOCK_BYTES, TURNS_MAX);
    run_until("\r\n\r\nabcdef");
    while (in_len < (size_t)(strstr(in, "\r\n\r\n") - in) + 4 + LARGE_BYTES)
        turn();
    assert_memory_equal(strstr(in, "\r\n\r\n") + 4, large, LARGE_BYTES);
}

/* With many connections, each is closed after its answer, so that none keeps others out. */
static void test_crowded(void **state)
{
    int others[9];

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        others[i] = peer;
        connect_peer();
    }
    send_text("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    run_until("hello\n");
    assert_has("\r\nConnection: close\r\n");
    run_until_end();
    assert_int_equal(gone, 1);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        close(others[i]);
}

static void test_free_in_the_middle(void **state)
{
    const int first = peer;

    (void)state;
    send_text("GET /large HTTP/1.1\r\nHost: a\r\n\r\n");
    turn();
    turn();
    connect_peer();
    send_text("GET / HT");
    turn();
    web_server_free(&server);
    assert_int_equal(gone, 2);
    close(first);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_get),
        WITH(test_header),
        WITH(test_head),
        WITH(test_other_methods),
        WITH(test_body_is_ignored),
        WITH(test_long_head),
        WITH(test_pipelined),
        WITH(test_single_bytes),
        WITH(test_half_request),
        WITH(test_garbage),
        WITH(test_answer_later),
        WITH(test_leave_while_waiting),
        WITH(test_block_in_each_turn),
        WITH(test_crowded),
        WITH(test_free_in_the_middle),
    };

    if (!web_server_is_built()) {
        print_message("built without libmicrohttpd: nothing to test\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
