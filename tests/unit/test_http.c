#include "unit.h"

#include "podop/clock.h"
#include "podop/http.h"

#include "fake_backend.h"

#include <unistd.h>

enum { LONG_MS = 600000, RESPONSE_MAX = 1000 };

#define WITH_BACKEND(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static struct ev_loop *loop;
static struct http *http;
static struct http_site *site;
static struct backend backend;

/* One caller of http_start(), and what it was told. */
struct caller {
    struct http_call *call;
    unsigned answers;
    enum http_outcome outcome;
    unsigned status;
    struct buf body;
    char reason[300];
    void (*then)(struct caller *caller); /* called in done; may be NULL */
    void *then_arg;
};

/* Ends with the test program's time limit when what is waited for never happens. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        while (!(condition))                                                                       \
            ev_run(loop, EVRUN_ONCE);                                                              \
    } while (0)

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct caller *c = arg;

    assert_non_null(c->call); /* the caller has it before it is called */
    c->call = NULL;
    c->answers++;
    c->outcome = answer->outcome;
    c->status = answer->status;
    if (answer->outcome == HTTP_FAILED)
        snprintf(c->reason, sizeof(c->reason), "%s", answer->reason);
    if (c->then != NULL)
        c->then(c);
    buf_init(&c->body, SIZE_MAX); /* what then() did has not touched it */
    if (answer->outcome == HTTP_ANSWERED)
        buf_add(&c->body, answer->body);
}

static void start_request(struct caller *c, struct http_site *at, const struct http_request *request)
{
    struct http_request copied = *request;
    char *target = xstrdup(request->target);

    copied.target = target;
    c->call = http_start(at, &copied, on_answer, c);
    assert_non_null(c->call);
    assert_int_equal(c->answers, 0); /* never done before it returns */
    free(target);
}

static void start(struct caller *c, const char *target)
{
    const struct http_request request = {.target = target,
                                         .deadline_at_ms = clock_now_ms() + LONG_MS};

    start_request(c, site, &request);
}

static void start_within(struct caller *c, const char *target, uint64_t ms)
{
    const struct http_request request = {.target = target, .deadline_at_ms = clock_now_ms() + ms};

    start_request(c, site, &request);
}

static void assert_body(struct caller *c, const char *body)
{
    assert_int_equal(c->answers, 1);
    assert_null(c->call);
    assert_int_equal(c->outcome, HTTP_ANSWERED);
    assert_int_equal(c->status, 200);
    assert_true(span_equal(buf_span(&c->body), span_of(body)));
    buf_deinit(&c->body);
}

static void assert_outcome(const struct caller *c, enum http_outcome outcome)
{
    assert_int_equal(c->answers, 1);
    assert_null(c->call);
    assert_int_equal(c->outcome, outcome);
    if (outcome == HTTP_FAILED)
        assert_true(c->reason[0] != '\0');
}

static void ask(const char *target)
{
    struct caller c = {0};

    start(&c, target);
    WAIT_UNTIL(c.answers > 0);
    assert_body(&c, target);
}

static void assert_targets(const char *expected)
{
    assert_string_equal(buf_string(&backend.targets), expected);
}

static struct http_site *open_site(const char *base, const char *unix_socket)
{
    static const char *const headers[] = {"Accept: application/json", "Podop-Table: alias"};
    const struct http_site_config config = {
        .base = base,
        .unix_socket = unix_socket,
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .connect_timeout_ms = 5000,
        .max_response = RESPONSE_MAX,
    };
    struct error err = {0};
    struct http_site *opened = http_site_open(http, &config, &err);

    if (opened == NULL)
        fail_msg("%s", err.text);
    return opened;
}

static void set_pool(uint32_t max_connections, uint32_t idle_timeout_ms)
{
    http_set_pool(http, &(struct pool_config){max_connections, idle_timeout_ms});
}

static int setup(void **state)
{
    const struct pool_config pool = {8, 60000};
    struct error err = {0};

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    backend_open(&backend, loop, false);
    http = http_new(loop, &pool, &err);
    if (http == NULL)
        fail_msg("%s", err.text);
    site = open_site(backend.base, NULL);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    http_site_close(&site);
    http_free(&http);
    backend_close(&backend);
    ev_loop_destroy(loop);
    return 0;
}

static void test_http_request_on_the_wire(void **state)
{
    static const char *const lines[] = {"Accept: application/json\r\n", "Podop-Table: alias\r\n",
                                        "User-Agent: podop/"};
    const char *request;
    char host[100];

    (void)state;
    ask("/a/../b/./%2e?x=%20&y=/../#z"); /* as it is: nothing is mended here */
    request = buf_string(&backend.last);
    assert_int_equal(strncmp(request, "GET /a/../b/./%2e?x=%20&y=/../#z HTTP/1.1\r\n", 44), 0);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_non_null(strstr(request, lines[i]));
    snprintf(host, sizeof(host), "Host: %s\r\n", backend.base + strlen("http://"));
    assert_non_null(strstr(request, host));
    assert_null(strstr(request, "Expect:"));
    assert_null(strstr(request, "Transfer-Encoding:"));
}

static void test_http_method(void **state)
{
    static const char *const methods[] = {"GET", "DELETE", "PATCH", "POST"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct caller c = {0};
        const struct http_request request = {
            .method = methods[i], .target = "/x", .deadline_at_ms = clock_now_ms() + LONG_MS};

        start_request(&c, site, &request);
        WAIT_UNTIL(c.answers > 0);
        assert_body(&c, "/x");
        assert_true(span_starts_with(buf_span(&backend.last), span_of(methods[i])));
    }
    ask("/y");
    assert_true(span_starts_with(buf_span(&backend.last), SPAN("GET ")));
}

static void test_http_keeps_connections(void **state)
{
    (void)state;
    for (int i = 0; i < 20; i++)
        ask("/x");
    assert_int_equal(backend.accepted, 1);
    assert_int_equal(backend.requests, 20);
}

static void test_http_kept_connection_closed_meanwhile(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) {
        ask("/x");
        backend_drop_connections(&backend);
    }
    assert_int_equal(backend.accepted, 5);
    assert_int_equal(backend.requests, 5);
}

/* The server closes just when the next request is on its way to it. */
static void test_http_kept_connection_closed_under_a_request(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++)
        ask("/first-only");
    assert_int_equal(backend.accepted, 5);
}

static void test_http_idle_connections_are_closed(void **state)
{
    struct caller callers[3] = {{0}};

    (void)state;
    set_pool(8, 1);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        start(&callers[i], "/hold");
    WAIT_UNTIL(backend.requests == 3);
    while (backend_holds(&backend, "/hold"))
        backend_release(&backend, "/hold");
    WAIT_UNTIL(backend.closed_by_client == 3);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        assert_body(&callers[i], "/hold");
    ask("/x");
    assert_int_equal(backend.accepted, 4);
}

static void test_http_statuses(void **state)
{
    static const struct backend_script script[] = {
        {"/204", TEXT("HTTP/1.1 204 No Content\r\n\r\n"), false},
        {"/302",
         TEXT("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nhello"), false},
        {"/304", TEXT("HTTP/1.1 304 Not Modified\r\n\r\n"), false},
        {"/401", TEXT("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n"
                      "Content-Length: 0\r\n\r\n"), false},
        {"/404", TEXT("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"), false},
        {"/500", TEXT("HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
         false},
        {"/201", TEXT("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"), false},
        {"/599", TEXT("HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"), false},
    };

    (void)state;
    backend.script = script;
    backend.script_count = ARRAY_LEN(script);
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        struct caller c = {0};

        start(&c, script[i].target);
        WAIT_UNTIL(c.answers > 0);
        assert_outcome(&c, HTTP_ANSWERED);
        assert_int_equal(c.status, atoi(script[i].target + 1));
        assert_int_equal(c.body.len, 0); /* kept for a 200 only */
    }
    assert_int_equal(backend.requests, ARRAY_LEN(script)); /* no redirect was followed */
    assert_int_equal(backend.accepted, 1);
}

static void test_http_bodies(void **state)
{
    static const struct {
        struct backend_script script;
        const char *body;
    } cases[] = {
        {{"/none", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), false}, ""},
        {{"/length", TEXT("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"), false}, "hello"},
        {{"/chunked", TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
                           "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n"), false}, "hello"},
        {{"/close", TEXT("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"), true}, "hello"},
        {{"/1.0", TEXT("HTTP/1.0 200 OK\r\n\r\nhello"), true}, "hello"},
        {{"/lf", TEXT("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"), false}, "hello"},
        {{"/100", TEXT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
                       "hello"), false}, "hello"},
        {{"/103", TEXT("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n"
                       "Content-Length: 5\r\n\r\nhello"), false}, "hello"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller c = {0};

        backend.script = &cases[i].script;
        backend.script_count = 1;
        start(&c, cases[i].script.target);
        WAIT_UNTIL(c.answers > 0);
        assert_body(&c, cases[i].body);
    }
}

/* Whatever answer is cut off at whatever byte is no answer, and above all no miss. */
static void test_http_cut_anywhere(void **state)
{
    static const struct span answers[] = {
        TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
        TEXT("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"),
        TEXT("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
        TEXT("HTTP/1.1 404 Not Found\r\n\r\n"),
        TEXT("HTTP/1.1 204 No Content\r\n\r\n"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        for (size_t len = 0; len <= answers[i].len; len++) {
            const struct backend_script script = {"/cut", {answers[i].ptr, len}, true};
            struct caller c = {0};

            backend.script = &script;
            backend.script_count = 1;
            start(&c, "/cut");
            WAIT_UNTIL(c.answers > 0);
            if ((c.outcome == HTTP_ANSWERED) != (len == answers[i].len))
                fail_msg("%zu, %zu: outcome %d, status %u", i, len, (int)c.outcome, c.status);
            if (c.outcome == HTTP_ANSWERED)
                buf_deinit(&c.body);
            else
                assert_outcome(&c, HTTP_FAILED);
        }
    }
}

static void test_http_in_pieces(void **state)
{
    const struct span answer = SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");

    (void)state;
    for (size_t cut = 1; cut < answer.len; cut++) {
        struct caller c = {0};

        start(&c, "/hold");
        WAIT_UNTIL(backend_holds(&backend, "/hold"));
        for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++) {
            struct backend_conn *conn = &backend.conns[i];

            if (!conn->is_held)
                continue;
            conn->is_held = false;
            assert_int_equal(send(conn->io.fd, answer.ptr, cut, MSG_NOSIGNAL), cut);
            ev_run(loop, EVRUN_NOWAIT);
            assert_int_equal(c.answers, 0);
            assert_int_equal(
                send(conn->io.fd, answer.ptr + cut, answer.len - cut, MSG_NOSIGNAL),
                answer.len - cut);
        }
        WAIT_UNTIL(c.answers > 0);
        assert_body(&c, "hello");
    }
    assert_int_equal(backend.accepted, 1);
}

static void test_http_no_answer(void **state)
{
    static const struct backend_script script[] = {
        {"/garbage", TEXT("hello\r\n\r\n"), true},
        {"/html", TEXT("<html>404</html>"), true},
        {"/ssh", TEXT("SSH-2.0-OpenSSH_9.2\r\n"), true},
        {"/version", TEXT("HTTP/7.7 200 OK\r\n\r\nx"), true},
        {"/length", TEXT("HTTP/1.1 200 OK\r\nContent-Length: nine\r\n\r\n123456789"), true},
        {"/chunk", TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"), true},
        {"/100", TEXT("HTTP/1.1 100 Continue\r\n\r\n"), true},
        {"/drop", {NULL, 0}, true},
        {"/drop/secret?password=secret", {NULL, 0}, true},
    };

    (void)state;
    backend.script = script;
    backend.script_count = ARRAY_LEN(script);
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        struct caller c = {0};

        start(&c, script[i].target);
        WAIT_UNTIL(c.answers > 0);
        if (c.outcome != HTTP_FAILED)
            fail_msg("%s: outcome %d, status %u", script[i].target, (int)c.outcome, c.status);
        assert_outcome(&c, HTTP_FAILED);
        assert_null(strstr(c.reason, "secret"));
    }
    backend.script_count = 0;
    ask("/x"); /* and the next one is none the worse */
}

static void test_http_too_large(void **state)
{
    static const struct {
        const char *head;
        bool closes;
    } kinds[] = {{"HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", false},
                 {"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", true},
                 {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n", false}};
    static const size_t sizes[] = {RESPONSE_MAX - 1, RESPONSE_MAX, RESPONSE_MAX + 1, 100000};

    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct backend_script script = {.target = "/large", .closes = kinds[k].closes};
            struct caller c = {0};
            struct buf wire;
            char head[200];

            buf_init(&wire, SIZE_MAX);
            snprintf(head, sizeof(head), k == 0   ? "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n"
                                         : k == 1 ? "HTTP/1.1 200 OK\r\n\r\n%.0zu"
                                                  : "x", sizes[i]);
            buf_add(&wire, span_of(head));
            script.bytes = buf_span(&wire);
            backend.script = &script;
            backend.script_count = 1;
            start(&c, "/large");
            WAIT_UNTIL(c.answers > 0);
            buf_deinit(&wire);
        }
    }
}

int main(void)
{
    return 0;
}
