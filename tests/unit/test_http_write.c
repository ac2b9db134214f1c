/* Writes: large, answered early, and never sent twice. */
#include "http_fixture.h"

#include "backend/http/http_wire.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

/* Writes a body that is too large for one call of send(). */
static void test_large_write(void **state)
{
    struct http_fixture *f = *state;
    enum { BODY_BYTES = 8 << 20 };
    struct http_caller c = {0};
    struct buf body;

    buf_init(&body, SIZE_MAX);
    for (size_t i = 0; i < BODY_BYTES; i++)
        buf_add_char(&body, (char)('a' + i % 23));
    http_caller_write(f, &c, buf_span(&body));
    http_caller_assert_outcome(&c, HTTP_ANSWERED);
    assert_int_equal(c.status, 200);
    assert_true(f->backend.last.len > body.len);
    assert_memory_equal(f->backend.last.ptr + f->backend.last.len - body.len, body.ptr, body.len);
    buf_deinit(&body);
}

/* A server that reads nothing for a while, and then all. */
struct slow_server {
    int listener, fd;
    ev_timer wake;
    ev_io io;
};

static void on_slow_read(struct ev_loop *l, ev_io *w, int revents)
{
    static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    char bytes[65536];
    ssize_t n = recv(w->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

    (void)revents;
    if (n > 0 && bytes[n - 1] == '!')
        assert_int_equal(send(w->fd, answer, strlen(answer), 0), strlen(answer));
    else if (n == 0)
        ev_io_stop(l, w);
}

static void on_slow_wake(struct ev_loop *l, ev_timer *w, int revents)
{
    struct slow_server *s = w->data;

    (void)revents;
    s->fd = accept(s->listener, NULL, NULL);
    assert_int_not_equal(s->fd, -1);
    ev_io_init(&s->io, on_slow_read, s->fd, EV_READ);
    ev_io_start(l, &s->io);
}

static void slow_server_open(struct http_fixture *f, struct slow_server *s, double after_s,
                             char base[64])
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    socklen_t len = sizeof(sa);
    const int bytes = 4096;

    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
    assert_int_equal(bind(s->listener, (struct sockaddr *)&sa, len), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&sa, &len), 0);
    snprintf(base, 64, "http://127.0.0.1:%u", ntohs(sa.sin_port));
    ev_timer_init(&s->wake, on_slow_wake, after_s, 0.0);
    s->wake.data = s;
    ev_timer_start(f->loop, &s->wake);
}

/* A server may read nothing for longer than connect_timeout. The time is real: the kernel, which
 * would end the connection, cannot be given another clock. */
static void test_large_write_to_a_slow_server(void **state)
{
    struct http_fixture *f = *state;
    enum { BODY_BYTES = 1 << 20, CONNECT_TIMEOUT_MS = 200 };
    struct http_caller c = {0};
    struct slow_server slow;
    struct http_site_config config = {.connect_timeout_ms = CONNECT_TIMEOUT_MS};
    struct error err = {0};
    struct http_site *to;
    struct buf body;
    char base[64];

    slow_server_open(f, &slow, 2.0,
                     base); /* the kernel would end it after its second probe, at 0.6 s */
    config.base = base;
    to = http_site_open(f->http, &config, &err);
    buf_init(&body, SIZE_MAX);
    buf_reserve(&body, BODY_BYTES);
    memset(body.ptr, 'x', BODY_BYTES);
    body.ptr[BODY_BYTES - 1] = '!';
    body.len = BODY_BYTES;
    http_caller_start_request(
        &c, to,
        &(struct http_request){.method = "POST",
                               .target = "/",
                               .body = buf_span(&body),
                               .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
    HTTP_WAIT(f, c.answers > 0);
    http_caller_assert_outcome(&c, HTTP_ANSWERED);
    assert_int_equal(c.status, 200);
    buf_deinit(&body);
    ev_io_stop(f->loop, &slow.io);
    ev_timer_stop(f->loop, &slow.wake);
    close(slow.fd);
    close(slow.listener);
    http_site_close(&to);
}

/* A server that refuses a write has answered before it closes. */
static void test_write_refused_early(void **state)
{
    struct http_fixture *f = *state;
    enum { BODY_BYTES = 8 << 20 };
    struct http_caller c = {0};
    struct buf body;

    buf_init(&body, SIZE_MAX);
    buf_reserve(&body, BODY_BYTES);
    memset(body.ptr, 'x', BODY_BYTES);
    body.len = BODY_BYTES;
    http_caller_start_request(
        &c, f->site,
        &(struct http_request){.method = "POST",
                               .target = "/early",
                               .body = buf_span(&body),
                               .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
    HTTP_WAIT(f, c.answers > 0);
    http_caller_assert_outcome(&c, HTTP_ANSWERED);
    assert_int_equal(c.status, 413);
    assert_int_equal(f->backend.requests, 1);
    buf_deinit(&body);
}

/* An early answer to a write counts as soon as the server has got all of it. */
static void test_write_answered_early(void **state)
{
    struct http_fixture *f = *state;
    enum { BODY_BYTES = 8 << 20 };
    static const struct {
        const char *target;
        enum http_outcome outcome;
    } cases[] = {
        {"/eager", HTTP_ANSWERED}, {"/eager-page", HTTP_ANSWERED}, {"/eager-drop", HTTP_FAILED}};
    struct buf body;

    buf_init(&body, SIZE_MAX);
    buf_reserve(&body, BODY_BYTES);
    memset(body.ptr, 'x', BODY_BYTES);
    body.len = BODY_BYTES;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_caller c = {0};

        AT_CASE("%s", cases[i].target);
        f->backend.requests = 0;
        http_caller_start_request(
            &c, f->site,
            &(struct http_request){.method = "POST",
                                   .target = cases[i].target,
                                   .body = buf_span(&body),
                                   .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
        HTTP_WAIT(f, c.answers > 0 && f->backend.open == 0);
        http_caller_assert_outcome(&c, cases[i].outcome);
        assert_true(c.may_have_arrived);
        assert_int_equal(f->backend.requests, cases[i].outcome == HTTP_ANSWERED ? 1 : 0);
    }
    buf_deinit(&body);
}

/* Plays TLS during a renegotiation, after FIRST_BYTES of a request: it sends nothing more before it
 * has read, and says so at each attempt until it reads. */
enum { FIRST_BYTES = 1000 };
static struct {
    bool is_under_way;
    size_t sent;
    unsigned attempts; /* to send during the renegotiation */
} renegotiation;

enum http_wire_result __real_http_wire_send(struct http_wire *wire, struct span bytes, size_t *n);
enum http_wire_result __wrap_http_wire_send(struct http_wire *wire, struct span bytes, size_t *n);
enum http_wire_result __wrap_http_wire_send(struct http_wire *wire, struct span bytes, size_t *n)
{
    enum http_wire_result result;

    wire->sends_after_reading = renegotiation.is_under_way && renegotiation.sent > 0;
    if (!renegotiation.is_under_way)
        return __real_http_wire_send(wire, bytes, n);
    *n = 0;
    if (wire->sends_after_reading) {
        renegotiation.attempts++;
        return HTTP_WIRE_BLOCKED;
    }
    bytes.len = FIRST_BYTES;
    result = __real_http_wire_send(wire, bytes, n);
    renegotiation.sent += *n;
    return result;
}

enum http_wire_result __real_http_wire_receive(struct http_wire *wire, char *to, size_t max,
                                               size_t *n);
enum http_wire_result __wrap_http_wire_receive(struct http_wire *wire, char *to, size_t max,
                                               size_t *n);
enum http_wire_result __wrap_http_wire_receive(struct http_wire *wire, char *to, size_t max,
                                               size_t *n)
{
    wire->sends_after_reading = false;
    return __real_http_wire_receive(wire, to, max, n);
}

static struct backend_conn *first_connection(struct backend *b)
{
    struct backend_conn *c = b->conns;

    while (c->io.fd == -1)
        c++;
    return c;
}

/* The rest of a request that was answered early waits for what TLS waits for. The socket has room
 * all the time, so a wait for room would try to send in each turn of the loop. */
static void test_write_answered_early_in_a_renegotiation(void **state)
{
    struct http_fixture *f = *state;
    enum { BODY_BYTES = 100000, TURNS = 200, ATTEMPTS_MAX = 10 };
    struct http_caller c = {0};
    struct buf body;

    buf_init(&body, SIZE_MAX);
    buf_reserve(&body, BODY_BYTES);
    memset(body.ptr, 'x', BODY_BYTES);
    body.len = BODY_BYTES;
    memset(&renegotiation, 0, sizeof(renegotiation));
    renegotiation.is_under_way = true;
    http_caller_start_request(
        &c, f->site,
        &(struct http_request){.method = "POST",
                               .target = "/eager",
                               .body = buf_span(&body),
                               .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
    HTTP_WAIT(f, renegotiation.attempts > 1); /* one of them after the answer */
    for (int i = 0; i < TURNS; i++)
        ev_run(f->loop, EVRUN_NOWAIT);
    assert_in_range(renegotiation.attempts, 2, ATTEMPTS_MAX);
    renegotiation.is_under_way = false;
    backend_say(first_connection(&f->backend), SPAN("x"));
    HTTP_WAIT(f, c.answers > 0);
    http_caller_assert_outcome(&c, HTTP_ANSWERED);
    buf_deinit(&body);
}

/* A write opens its own connection, and does not use idle ones. */
static void test_write_is_never_sent_again(void **state)
{
    struct http_fixture *f = *state;
    const struct backend_script script = {"/w", {NULL, 0}, true};
    struct http_caller c = {0};

    http_fixture_ask(f, "/x");
    f->backend.script = &script;
    f->backend.script_count = 1;
    http_caller_write(f, &c, SPAN("{}"));
    http_caller_assert_outcome(&c, HTTP_FAILED);
    assert_true(c.may_have_arrived);
    http_fixture_assert_targets(f, "/x\n/w\n");
    http_fixture_ask(f, "/y");
    assert_int_equal(f->backend.accepted, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_large_write),
        HTTP_TEST(test_large_write_to_a_slow_server),
        HTTP_TEST(test_write_refused_early),
        HTTP_TEST(test_write_answered_early),
        HTTP_TEST(test_write_answered_early_in_a_renegotiation),
        HTTP_TEST(test_write_is_never_sent_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
