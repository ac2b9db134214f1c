/* Requests on the wire, and what counts as an answer. */
#include "http_fixture.h"

#include <sys/socket.h>

static void test_request_on_the_wire(void **state)
{
    struct http_fixture *f = *state;
    static const char *const lines[] = {"Accept: application/json\r\n", "Podop-Table: alias\r\n",
                                        "User-Agent: podop/"};
    const char *request;
    char host[100];

    http_fixture_ask(f, "/a/../b/./%2e?x=%20&y=/../"); /* the target is sent unchanged */
    request = buf_string(&f->backend.last);
    assert_true(
        span_starts_with(span_of(request), SPAN("GET /a/../b/./%2e?x=%20&y=/../ HTTP/1.1\r\n")));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (strstr(request, lines[i]) == NULL)
            fail_msg("no '%s' in: %s", lines[i], request);
    snprintf(host, sizeof(host), "Host: %.80s\r\n", f->backend.base + strlen("http://"));
    assert_non_null(strstr(request, host));
    assert_null(strstr(request, "Expect:"));
    assert_null(strstr(request, "Transfer-Encoding:"));
}

static void test_method(void **state)
{
    struct http_fixture *f = *state;
    static const char *const methods[] = {"GET", "DELETE", "PATCH", "POST"};

    for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
        struct http_caller c = {0};
        const struct http_request request = {.method = methods[i],
                                             .target = "/x",
                                             .deadline_at_ms =
                                                 service_now_ms(f->loop) + HTTP_LONG_MS};

        AT_CASE("%s", methods[i]);
        http_caller_start_request(&c, f->site, &request);
        HTTP_WAIT(f, c.answers > 0);
        assert_int_equal(c.status, 200); /* the body of a write's answer is dropped */
        assert_true(span_starts_with(buf_span(&f->backend.last), span_of(methods[i])));
    }
    http_fixture_ask(f, "/y");
    assert_true(span_starts_with(buf_span(&f->backend.last), SPAN("GET ")));
}

static void test_statuses(void **state)
{
    struct http_fixture *f = *state;
    static const struct backend_script script[] = {
        {"/204", TEXT("HTTP/1.1 204 No Content\r\n\r\n"), false},
        {"/302", TEXT("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 5\r\n\r\nhello"),
         false},
        {"/304", TEXT("HTTP/1.1 304 Not Modified\r\n\r\n"), false},
        {"/401",
         TEXT("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\n"
              "Content-Length: 0\r\n\r\n"),
         false},
        {"/404", TEXT("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"), false},
        {"/500",
         TEXT("HTTP/1.1 500 Oh\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"),
         false},
        {"/201", TEXT("HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello"), false},
        {"/599", TEXT("HTTP/1.1 599 \r\nContent-Length: 0\r\n\r\n"), false},
    };

    f->backend.script = script;
    f->backend.script_count = ARRAY_LEN(script);
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        struct http_caller c = {0};

        AT_CASE("%s", script[i].target);
        http_caller_start(f, &c, script[i].target);
        HTTP_WAIT(f, c.answers > 0);
        http_caller_assert_outcome(&c, HTTP_ANSWERED);
        assert_int_equal(c.status, atoi(script[i].target + 1));
        assert_int_equal(c.body.len, 0); /* only a 200 has one */
    }
    assert_int_equal(f->backend.requests, ARRAY_LEN(script)); /* no redirect was followed */
    assert_int_equal(f->backend.accepted, 1);
}

static void test_bodies(void **state)
{
    struct http_fixture *f = *state;
    static const struct {
        struct backend_script script;
        const char *body;
    } cases[] = {
        {{"/none", TEXT("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"), false}, ""},
        {{"/length", TEXT("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"), false}, "hello"},
        {{"/chunked",
          TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nTrailer: x\r\n\r\n"),
          false},
         "hello"},
        {{"/close", TEXT("HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello"), true}, "hello"},
        {{"/1.0", TEXT("HTTP/1.0 200 OK\r\n\r\nhello"), true}, "hello"},
        {{"/lf", TEXT("HTTP/1.1 200 OK\nContent-Length: 5\n\nhello"), false}, "hello"},
        {{"/100",
          TEXT("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
               "hello"),
          false},
         "hello"},
        {{"/103",
          TEXT("HTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n"
               "Content-Length: 5\r\n\r\nhello"),
          false},
         "hello"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_caller c = {0};

        AT_CASE("%s", cases[i].script.target);
        f->backend.script = &cases[i].script;
        f->backend.script_count = 1;
        http_caller_start(f, &c, cases[i].script.target);
        HTTP_WAIT(f, c.answers > 0);
        http_caller_assert_body(&c, cases[i].body);
    }
}

/* An answer that is cut off at any byte is a failure, never a miss. Exception: a chunked answer may
 * lack its last byte. */
static void test_cut_anywhere(void **state)
{
    struct http_fixture *f = *state;
    static const struct {
        struct span bytes;
        size_t spare;
    } answers[] = {
        {TEXT("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"), 0},
        {TEXT("HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nhello"), 0},
        {TEXT("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
              "5\r\nhello\r\n0\r\n\r\n"),
         1},
        {TEXT("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"), 1},
        {TEXT("HTTP/1.1 404 Not Found\r\n\r\n"), 0},
        {TEXT("HTTP/1.1 204 No Content\r\n\r\n"), 0},
    };

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        for (size_t len = 0; len <= answers[i].bytes.len; len++) {
            const struct backend_script script = {"/cut", {answers[i].bytes.ptr, len}, true};
            struct http_caller c = {0};

            f->backend.script = &script;
            f->backend.script_count = 1;
            http_caller_start(f, &c, "/cut");
            HTTP_WAIT(f, c.answers > 0);
            if (len == answers[i].bytes.len)
                http_caller_assert_outcome(&c, HTTP_ANSWERED);
            else if (len + answers[i].spare < answers[i].bytes.len && c.outcome != HTTP_FAILED)
                fail_msg("%zu, %zu: outcome %d, status %u", i, len, (int)c.outcome, c.status);
            if (c.outcome == HTTP_ANSWERED)
                buf_deinit(&c.body);
        }
    }
}

/* The same on an idle connection. If no byte came, the lookup was sent again, once. */
static void test_cut_anywhere_on_an_idle_connection(void **state)
{
    struct http_fixture *f = *state;
    const struct span answer = SPAN("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "5\r\nhello\r\n0\r\n\r\n");

    for (size_t len = 0; len < answer.len; len++) {
        const struct backend_script script = {"/cut", {answer.ptr, len}, true};
        struct http_caller c = {0};
        unsigned before;

        f->backend.script = &script;
        f->backend.script_count = 1;
        http_fixture_ask(f, "/x");
        before = f->backend.requests;
        http_caller_start(f, &c, "/cut");
        HTTP_WAIT(f, c.answers > 0);
        http_caller_assert_outcome(&c, HTTP_FAILED);
        assert_int_equal(f->backend.requests, before + (len == 0 ? 2 : 1));
    }
}

static void test_in_pieces(void **state)
{
    struct http_fixture *f = *state;
    const struct span answer = SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");

    for (size_t cut = 1; cut < answer.len; cut++) {
        struct http_caller c = {0};

        http_caller_start(f, &c, "/hold");
        HTTP_WAIT(f, backend_holds(&f->backend, "/hold"));
        for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++) {
            struct backend_conn *conn = &f->backend.conns[i];

            if (!conn->is_held)
                continue;
            conn->is_held = false;
            assert_int_equal(send(conn->io.fd, answer.ptr, cut, MSG_NOSIGNAL), cut);
            ev_run(f->loop, EVRUN_NOWAIT);
            assert_int_equal(c.answers, 0);
            assert_int_equal(send(conn->io.fd, answer.ptr + cut, answer.len - cut, MSG_NOSIGNAL),
                             answer.len - cut);
        }
        HTTP_WAIT(f, c.answers > 0);
        http_caller_assert_body(&c, "hello");
    }
    assert_int_equal(f->backend.accepted, 1);
}

static void test_no_answer(void **state)
{
    struct http_fixture *f = *state;
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

    f->backend.script = script;
    f->backend.script_count = ARRAY_LEN(script);
    for (size_t i = 0; i < ARRAY_LEN(script); i++) {
        struct http_caller c = {0};

        http_caller_start(f, &c, script[i].target);
        HTTP_WAIT(f, c.answers > 0);
        if (c.outcome != HTTP_FAILED)
            fail_msg("%s: outcome %d, status %u", script[i].target, (int)c.outcome, c.status);
        http_caller_assert_outcome(&c, HTTP_FAILED);
        assert_null(strstr(c.reason, "secret"));
    }
    f->backend.script_count = 0;
    http_fixture_ask(f, "/x"); /* the next lookup is not affected */
}

enum framing { WITH_LENGTH, UNTIL_CLOSE, CHUNKED, FRAMINGS };

static void add_answer(struct buf *wire, const char *status, enum framing framing, size_t bytes)
{
    char size[32];

    snprintf(size, sizeof(size), "%zx\r\n", bytes);
    buf_add(wire, SPAN("HTTP/1.1 "));
    buf_add(wire, span_of(status));
    if (framing == WITH_LENGTH) {
        buf_add(wire, SPAN("\r\nContent-Length: "));
        buf_add_uint(wire, bytes);
    } else if (framing == CHUNKED) {
        buf_add(wire, SPAN("\r\nTransfer-Encoding: chunked"));
    }
    buf_add(wire, SPAN("\r\n\r\n"));
    if (framing == CHUNKED)
        buf_add(wire, span_of(size));
    for (size_t i = 0; i < bytes; i++)
        buf_add_char(wire, 'x');
    if (framing == CHUNKED)
        buf_add(wire, SPAN("\r\n0\r\n\r\n"));
}

static void ask_request(struct http_fixture *f, struct http_caller *c, const char *status,
                        enum framing framing, size_t bytes, const struct http_request *request)
{
    struct backend_script script = {.target = "/", .closes = framing == UNTIL_CLOSE};
    struct buf wire;

    buf_init(&wire, SIZE_MAX);
    add_answer(&wire, status, framing, bytes);
    script.bytes = buf_span(&wire);
    f->backend.script = &script;
    f->backend.script_count = 1;
    http_caller_start_request(c, f->site, request);
    HTTP_WAIT(f, c->answers > 0);
    f->backend.script_count = 0;
    buf_deinit(&wire);
}

static void ask_answer(struct http_fixture *f, struct http_caller *c, const char *status,
                       enum framing framing, size_t bytes)
{
    ask_request(f, c, status, framing, bytes,
                &(struct http_request){.target = "/",
                                       .is_repeatable = true,
                                       .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
}

static void test_too_large(void **state)
{
    struct http_fixture *f = *state;
    static const size_t sizes[] = {HTTP_RESPONSE_MAX - 1, HTTP_RESPONSE_MAX, HTTP_RESPONSE_MAX + 1,
                                   100000};

    for (int framing = 0; framing < FRAMINGS; framing++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct http_caller c = {0};

            AT_CASE("framing %d, %zu bytes", (int)framing, sizes[i]);
            ask_answer(f, &c, "200 OK", (enum framing)framing, sizes[i]);
            if (sizes[i] > HTTP_RESPONSE_MAX) {
                http_caller_assert_outcome(&c, HTTP_TOO_LARGE);
                continue;
            }
            http_caller_assert_outcome(&c, HTTP_ANSWERED);
            assert_int_equal(c.body.len, sizes[i]);
            buf_deinit(&c.body);
        }
    }
    http_fixture_ask(f, "/x");
}

/* A body that podop wants must not be encoded. The size of the encoded body does not matter, and
 * the status of an answer without a body says what it says. */
static void test_encoded(void **state)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *method, *status, *encoding;
        bool reads_answer;
        size_t bytes;
        enum http_outcome outcome;
    } cases[] = {
        {NULL, "200 OK", "gzip", false, 5, HTTP_ENCODED},
        {NULL, "200 OK", "gzip, br", false, 0, HTTP_ENCODED},
        {NULL, "200 OK", "gzip", false, HTTP_RESPONSE_MAX + 1, HTTP_ENCODED},
        {NULL, "200 OK", "gzip", false, 100000, HTTP_ENCODED},
        {NULL, "200 OK", "identity", false, 5, HTTP_ANSWERED},
        {NULL, "404 Not Found", "gzip", false, 5, HTTP_ANSWERED},
        {"POST", "200 OK", "gzip", false, 5, HTTP_ANSWERED},
        {"POST", "200 OK", "gzip", true, 5, HTTP_ENCODED},
        {"POST", "201 Created", "gzip", true, 5, HTTP_ENCODED},
        {"POST", "404 Not Found", "gzip", true, 5, HTTP_ANSWERED},
        {"POST", "201 Created", "gzip", true, 0, HTTP_ANSWERED},
        {"POST", "204 No Content", "gzip", true, 0, HTTP_ANSWERED},
        {"POST", "500 Bad", "gzip", true, 5, HTTP_ANSWERED},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct http_caller c = {0};
        char status[100];

        AT_CASE("%s, %s, %zu bytes", cases[i].status, cases[i].encoding, cases[i].bytes);
        snprintf(status, sizeof(status), "%s\r\nContent-Encoding: %s", cases[i].status,
                 cases[i].encoding);
        ask_request(
            f, &c, status, WITH_LENGTH, cases[i].bytes,
            &(struct http_request){.method = cases[i].method,
                                   .target = "/",
                                   .is_repeatable = cases[i].method == NULL,
                                   .reads_answer = cases[i].reads_answer,
                                   .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
        http_caller_assert_outcome(&c, cases[i].outcome);
        if (cases[i].outcome == HTTP_ENCODED && strstr(c.reason, cases[i].encoding) == NULL)
            fail_msg("%s", c.reason);
        buf_deinit(&c.body);
    }
    http_fixture_ask(f, "/x");
}

/* The body of the answer to a write, if it is wanted. */
static void test_answers_to_writes(void **state)
{
    struct http_fixture *f = *state;
    static const struct {
        const char *status;
        bool reads_answer;
        size_t bytes, body_bytes;
        enum http_outcome outcome;
    } cases[] = {
        {"200 OK", false, 5, 0, HTTP_ANSWERED},
        {"200 OK", true, 5, 5, HTTP_ANSWERED},
        {"201 Created", true, HTTP_RESPONSE_MAX, HTTP_RESPONSE_MAX, HTTP_ANSWERED},
        {"200 OK", true, HTTP_RESPONSE_MAX + 1, 0, HTTP_TOO_LARGE},
        {"200 OK", false, HTTP_RESPONSE_MAX + 1, 0, HTTP_ANSWERED},
        {"404 Not Found", true, 5, 0, HTTP_ANSWERED},
        {"503 Busy", true, HTTP_RESPONSE_MAX + 1, 0, HTTP_ANSWERED},
    };

    for (int framing = 0; framing < FRAMINGS; framing++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct http_caller c = {0};

            AT_CASE("framing %d, case %zu", framing, i);
            ask_request(
                f, &c, cases[i].status, (enum framing)framing, cases[i].bytes,
                &(struct http_request){.method = "POST",
                                       .target = "/",
                                       .reads_answer = cases[i].reads_answer,
                                       .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
            http_caller_assert_outcome(&c, cases[i].outcome);
            assert_int_equal(c.body.len, cases[i].body_bytes);
            buf_deinit(&c.body);
        }
    }
}

/* The size of the page that comes with a 404 does not matter. */
static void test_large_error_pages(void **state)
{
    struct http_fixture *f = *state;
    static const size_t sizes[] = {HTTP_RESPONSE_MAX + 1, 65536, 65537, 100000};

    for (int framing = 0; framing < FRAMINGS; framing++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct http_caller c = {0};

            AT_CASE("framing %d, %zu bytes", (int)framing, sizes[i]);
            ask_answer(f, &c, "404 Not Found", (enum framing)framing, sizes[i]);
            http_caller_assert_outcome(&c, HTTP_ANSWERED);
            assert_int_equal(c.status, 404);
            assert_int_equal(c.body.len, 0);
        }
    }
    http_fixture_ask(f, "/x");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_request_on_the_wire),
        HTTP_TEST(test_method),
        HTTP_TEST(test_statuses),
        HTTP_TEST(test_bodies),
        HTTP_TEST(test_cut_anywhere),
        HTTP_TEST(test_cut_anywhere_on_an_idle_connection),
        HTTP_TEST(test_in_pieces),
        HTTP_TEST(test_no_answer),
        HTTP_TEST(test_too_large),
        HTTP_TEST(test_encoded),
        HTTP_TEST(test_answers_to_writes),
        HTTP_TEST(test_large_error_pages),
    };

    setenv("http_proxy", "http://127.0.0.1:1", 1); /* podop uses no proxy */
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
