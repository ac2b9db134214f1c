#include "unit.h"

#include "podop/clock.h"
#include "podop/http.h"

#include "fake_backend.h"

#include <arpa/inet.h>
#include <errno.h>
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LONG_MS = 600000, RESPONSE_MAX = 1000 };

#define WITH_BACKEND(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static struct ev_loop *loop;
static struct http *http;
static struct http_site *site;
static struct backend backend;
static size_t wiped;         /* bytes */
static double set_forward_s; /* the machine's clock */
static uint64_t later_ms;    /* the monotonic one */
static unsigned left_behind; /* buffers with a secret that had to move */

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
void __real_explicit_bzero(void *bytes, size_t len);
void __wrap_explicit_bzero(void *bytes, size_t len);

void __wrap_explicit_bzero(void *bytes, size_t len)
{
    wiped += len;
    __real_explicit_bzero(bytes, len);
}

void *__real_realloc(void *bytes, size_t len);
void *__wrap_realloc(void *bytes, size_t len);

void *__wrap_realloc(void *bytes, size_t len)
{
    if (bytes != NULL && memmem(bytes, malloc_usable_size(bytes), "s3cret", 6) != NULL)
        left_behind++;
    return __real_realloc(bytes, len);
}

ev_tstamp __real_ev_now(struct ev_loop *of);
ev_tstamp __wrap_ev_now(struct ev_loop *of);

ev_tstamp __wrap_ev_now(struct ev_loop *of)
{
    return __real_ev_now(of) + set_forward_s;
}

uint64_t __real_clock_coarse_ms(void);
uint64_t __wrap_clock_coarse_ms(void);

uint64_t __wrap_clock_coarse_ms(void)
{
    return __real_clock_coarse_ms() + later_ms;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#include "fortified_wipe.h"

/* One caller of http_start(), and what it was told. */
struct caller {
    struct http_call *call;
    unsigned answers;
    enum http_outcome outcome;
    unsigned status;
    bool is_local_failure;
    bool may_have_arrived;
    bool is_refused;
    bool was_resent;
    struct buf body;
    char reason[300];
    void (*then)(struct caller *caller); /* called in done; may be NULL */
    void *then_arg;
};

/* Ends with the test program's time limit when what is waited for never happens. What start() has
 * fed to the loop runs in the first round, the second one waits. */
#define WAIT_UNTIL(condition)                                                                      \
    do {                                                                                           \
        for (int flags = EVRUN_NOWAIT; !(condition); flags = EVRUN_ONCE)                           \
            ev_run(loop, flags);                                                                   \
    } while (0)

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct caller *c = arg;

    assert_non_null(c->call); /* the caller has it before it is called */
    c->call = NULL;
    c->answers++;
    c->outcome = answer->outcome;
    c->status = answer->status;
    c->is_local_failure = answer->is_local_failure;
    c->may_have_arrived = answer->may_have_arrived;
    c->is_refused = answer->is_refused;
    c->was_resent = answer->was_resent;
    if (answer->outcome == HTTP_FAILED)
        snprintf(c->reason, sizeof(c->reason), "%s", answer->reason);
    if (c->then != NULL)
        c->then(c);
    buf_init(&c->body, SIZE_MAX); /* what then() did has not touched it */
    if (answer->outcome == HTTP_ANSWERED)
        buf_add(&c->body, answer->body);
}

static void start_request(struct caller *c, struct http_site *at,
                          const struct http_request *request)
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

/* All of them together. */
static void ask_at_once(struct caller *callers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        start(&callers[i], "/x");
    for (size_t i = 0; i < count; i++) {
        WAIT_UNTIL(callers[i].answers > 0);
        assert_body(&callers[i], "/x");
    }
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
    http_set_pool(http, &(struct pool_config){max_connections, 1000, idle_timeout_ms});
}

static int setup(void **state)
{
    const struct pool_config pool = {8, 1000, 60000};
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
    ask("/a/../b/./%2e?x=%20&y=/../"); /* as it is: nothing is mended here */
    request = buf_string(&backend.last);
    assert_true(
        span_starts_with(span_of(request), SPAN("GET /a/../b/./%2e?x=%20&y=/../ HTTP/1.1\r\n")));
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        assert_non_null(strstr(request, lines[i]));
    snprintf(host, sizeof(host), "Host: %.80s\r\n", backend.base + strlen("http://"));
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
        assert_int_equal(c.status, 200); /* of a write, nobody wants the body */
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

/* Whatever hour the machine's clock is set to meanwhile. */
static void test_http_idle_connections_and_the_hour(void **state)
{
    static const double steps_s[] = {-3600.0, 3600.0};

    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(steps_s); i++) {
        set_pool(8, 60000);
        ask("/x");
        set_forward_s = steps_s[i];
        set_pool(8, 60000);
        ev_run(loop, EVRUN_NOWAIT);
        assert_int_equal(backend.open, 1);
        set_pool(8, 1);
        WAIT_UNTIL(backend.open == 0);
        set_forward_s = 0.0;
    }
}

/* A name may have another address by then; an address stays what it is. */
/* However old it is: a connection ends when its name moves, and not before. */
static void test_http_connections_to_names_do_not_age(void **state)
{
    const struct http_request request = {.target = "/named",
                                         .deadline_at_ms = clock_now_ms() + LONG_MS};
    char base[64];
    struct http_site *named;

    (void)state;
    snprintf(base, sizeof(base), "http://localhost%s", strrchr(backend.base, ':'));
    named = open_site(base, NULL);
    for (unsigned i = 0; i < 3; i++) {
        struct caller c = {0};

        start_request(&c, named, &request);
        WAIT_UNTIL(c.answers > 0);
        assert_body(&c, "/named");
        assert_int_equal(backend.accepted, 1);
        later_ms += 31000;
    }
    later_ms = 0;
    http_site_close(&named);
}

static void ask_side_by_side(size_t count)
{
    struct caller callers[8] = {{0}};

    for (size_t i = 0; i < count; i++)
        start(&callers[i], "/k");
    for (size_t i = 0; i < count; i++) {
        WAIT_UNTIL(callers[i].answers > 0);
        assert_body(&callers[i], "/k");
    }
}

/* What a burst leaves behind goes while calls go on (it is looked at every 1024 calls), or with the
 * pool when it falls idle. */
static void test_http_bursts_and_calls_one_by_one(void **state)
{
    static const struct {
        size_t burst, one_by_one;
    } rounds[] = {{8, 2 * 1024 - 8 - 2}, {0, 0}, {8, 2 * 1024 - 8}};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rounds); i++) {
        set_pool(8, 60000);
        ask_side_by_side(rounds[i].burst);
        for (size_t n = 0; n < rounds[i].one_by_one; n++)
            ask("/k");
        set_pool(8, 1);
        ask("/k");
        WAIT_UNTIL(backend.open == 0);
    }
    assert_int_equal(backend.requests, 4 * 1024 + 1);
}

static void test_http_statuses(void **state)
{
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

/* Whatever answer is cut off at whatever byte is no answer, and above all no miss. libcurl 7.88
 * does without the very last byte of a chunked one: nothing is missing then. */
static void test_http_cut_anywhere(void **state)
{
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

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        for (size_t len = 0; len <= answers[i].bytes.len; len++) {
            const struct backend_script script = {"/cut", {answers[i].bytes.ptr, len}, true};
            struct caller c = {0};

            backend.script = &script;
            backend.script_count = 1;
            start(&c, "/cut");
            WAIT_UNTIL(c.answers > 0);
            if (len == answers[i].bytes.len)
                assert_outcome(&c, HTTP_ANSWERED);
            else if (len + answers[i].spare < answers[i].bytes.len && c.outcome != HTTP_FAILED)
                fail_msg("%zu, %zu: outcome %d, status %u", i, len, (int)c.outcome, c.status);
            if (c.outcome == HTTP_ANSWERED)
                buf_deinit(&c.body);
        }
    }
}

/* On a kept connection as well; where not a byte came, the lookup was sent again, once. */
static void test_http_cut_anywhere_on_a_kept_connection(void **state)
{
    const struct span answer = SPAN("HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n"
                                    "5\r\nhello\r\n0\r\n\r\n");

    (void)state;
    for (size_t len = 0; len < answer.len; len++) {
        const struct backend_script script = {"/cut", {answer.ptr, len}, true};
        struct caller c = {0};
        unsigned before;

        backend.script = &script;
        backend.script_count = 1;
        ask("/x");
        before = backend.requests;
        start(&c, "/cut");
        WAIT_UNTIL(c.answers > 0);
        assert_outcome(&c, HTTP_FAILED);
        assert_int_equal(backend.requests, before + (len == 0 ? 2 : 1));
    }
}

static void say_to_all(struct backend *b, struct span bytes)
{
    for (size_t i = 0; i < BACKEND_CONNECTIONS_MAX; i++) {
        if (b->conns[i].io.fd != -1)
            backend_say(&b->conns[i], bytes);
    }
}

static void ask_at(struct http_site *at, const char *target)
{
    struct caller c = {0};

    start_request(
        &c, at,
        &(struct http_request){.target = target, .deadline_at_ms = clock_now_ms() + LONG_MS});
    WAIT_UNTIL(c.answers > 0);
    assert_body(&c, target);
}

/* What comes before a request can never be its answer, however short before: a unix socket has it
 * at once, and the loop does not run in between. */
static void test_http_unasked_bytes(void **state)
{
    const struct span evil = SPAN("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    struct http_site *here;
    struct backend local;

    (void)state;
    backend_open(&local, loop, true);
    here = open_site(local.base, local.path);
    for (size_t len = 1; len <= evil.len; len++) {
        ask_at(here, "/x");
        say_to_all(&local, (struct span){evil.ptr, len});
        ask_at(here, "/y");
    }
    http_site_close(&here);
    backend_close(&local);
}

/* And the connection does not even stay open. */
static void test_http_unasked_bytes_while_idle(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        ask("/x");
        say_to_all(&backend, SPAN("H"));
        WAIT_UNTIL(backend.closed_by_client == i + 1);
    }
}

static void write_to(struct caller *c, struct span body)
{
    const struct http_request request = {
        .method = "POST", .target = "/w", .body = body, .deadline_at_ms = clock_now_ms() + LONG_MS};

    start_request(c, site, &request);
    WAIT_UNTIL(c->answers > 0);
}

/* More than a socket takes at once. */
static void test_http_large_write(void **state)
{
    enum { BODY_BYTES = 8 << 20 };
    struct caller c = {0};
    struct buf body;

    (void)state;
    buf_init(&body, SIZE_MAX);
    for (size_t i = 0; i < BODY_BYTES; i++)
        buf_add_char(&body, (char)('a' + i % 23));
    write_to(&c, buf_span(&body));
    assert_outcome(&c, HTTP_ANSWERED);
    assert_int_equal(c.status, 200);
    assert_true(backend.last.len > body.len);
    assert_memory_equal(backend.last.ptr + backend.last.len - body.len, body.ptr, body.len);
    buf_deinit(&body);
}

/* A server that takes nothing for a while, and then all. */
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

static void slow_server_open(struct slow_server *s, double after_s, char base[64])
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
    ev_timer_start(loop, &s->wake);
}

/* Longer than its connect_timeout: a peer that has no room for more is not gone. */
static void test_http_large_write_to_a_slow_server(void **state)
{
    enum { BODY_BYTES = 1 << 20, CONNECT_TIMEOUT_MS = 200 };
    struct caller c = {0};
    struct slow_server slow;
    struct http_site_config config = {.connect_timeout_ms = CONNECT_TIMEOUT_MS};
    struct error err = {0};
    struct http_site *to;
    struct buf body;
    char base[64];

    (void)state;
    slow_server_open(&slow, 2.0, base); /* the kernel tells after its second probe, at 0.6 s */
    config.base = base;
    to = http_site_open(http, &config, &err);
    buf_init(&body, SIZE_MAX);
    buf_reserve(&body, BODY_BYTES);
    memset(body.ptr, 'x', BODY_BYTES);
    body.ptr[BODY_BYTES - 1] = '!';
    body.len = BODY_BYTES;
    start_request(&c, to,
                  &(struct http_request){.method = "POST",
                                         .target = "/",
                                         .body = buf_span(&body),
                                         .deadline_at_ms = clock_now_ms() + LONG_MS});
    WAIT_UNTIL(c.answers > 0);
    assert_outcome(&c, HTTP_ANSWERED);
    assert_int_equal(c.status, 200);
    buf_deinit(&body);
    ev_io_stop(loop, &slow.io);
    ev_timer_stop(loop, &slow.wake);
    close(slow.fd);
    close(slow.listener);
    http_site_close(&to);
}

/* A server that wants no more of it has said so before it hung up. */
static void test_http_write_refused_early(void **state)
{
    enum { BODY_BYTES = 8 << 20 };
    struct caller c = {0};
    struct buf body;

    (void)state;
    buf_init(&body, SIZE_MAX);
    buf_reserve(&body, BODY_BYTES);
    memset(body.ptr, 'x', BODY_BYTES);
    body.len = BODY_BYTES;
    start_request(&c, site,
                  &(struct http_request){.method = "POST",
                                         .target = "/early",
                                         .body = buf_span(&body),
                                         .deadline_at_ms = clock_now_ms() + LONG_MS});
    WAIT_UNTIL(c.answers > 0);
    assert_outcome(&c, HTTP_ANSWERED);
    assert_int_equal(c.status, 413);
    assert_int_equal(backend.requests, 1);
    buf_deinit(&body);
}

/* What a server answers before it has got all of a write counts when it has. */
static void test_http_write_answered_early(void **state)
{
    enum { BODY_BYTES = 8 << 20 };
    static const struct {
        const char *target;
        enum http_outcome outcome;
    } cases[] = {
        {"/eager", HTTP_ANSWERED}, {"/eager-page", HTTP_ANSWERED}, {"/eager-drop", HTTP_FAILED}};
    struct buf body;

    (void)state;
    buf_init(&body, SIZE_MAX);
    buf_reserve(&body, BODY_BYTES);
    memset(body.ptr, 'x', BODY_BYTES);
    body.len = BODY_BYTES;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct caller c = {0};

        backend.requests = 0;
        start_request(&c, site,
                      &(struct http_request){.method = "POST",
                                             .target = cases[i].target,
                                             .body = buf_span(&body),
                                             .deadline_at_ms = clock_now_ms() + LONG_MS});
        WAIT_UNTIL(c.answers > 0 && backend.open == 0);
        assert_outcome(&c, cases[i].outcome);
        assert_true(c.may_have_arrived);
        assert_int_equal(backend.requests, cases[i].outcome == HTTP_ANSWERED ? 1 : 0);
    }
    buf_deinit(&body);
}

/* A write takes a connection of its own, and leaves those that are kept alone. */
static void test_http_write_is_never_sent_again(void **state)
{
    const struct backend_script script = {"/w", {NULL, 0}, true};
    struct caller c = {0};

    (void)state;
    ask("/x");
    backend.script = &script;
    backend.script_count = 1;
    write_to(&c, SPAN("{}"));
    assert_outcome(&c, HTTP_FAILED);
    assert_true(c.may_have_arrived);
    assert_targets("/x\n/w\n");
    ask("/y");
    assert_int_equal(backend.accepted, 2);
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
            assert_int_equal(send(conn->io.fd, answer.ptr + cut, answer.len - cut, MSG_NOSIGNAL),
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

static void ask_answer(struct caller *c, const char *status, enum framing framing, size_t bytes)
{
    struct backend_script script = {.target = "/", .closes = framing == UNTIL_CLOSE};
    struct buf wire;

    buf_init(&wire, SIZE_MAX);
    add_answer(&wire, status, framing, bytes);
    script.bytes = buf_span(&wire);
    backend.script = &script;
    backend.script_count = 1;
    start(c, "/");
    WAIT_UNTIL(c->answers > 0);
    backend.script_count = 0;
    buf_deinit(&wire);
}

static void test_http_too_large(void **state)
{
    static const size_t sizes[] = {RESPONSE_MAX - 1, RESPONSE_MAX, RESPONSE_MAX + 1, 100000};

    (void)state;
    for (int framing = 0; framing < FRAMINGS; framing++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct caller c = {0};

            ask_answer(&c, "200 OK", (enum framing)framing, sizes[i]);
            if (sizes[i] > RESPONSE_MAX) {
                assert_outcome(&c, HTTP_TOO_LARGE);
                continue;
            }
            assert_outcome(&c, HTTP_ANSWERED);
            assert_int_equal(c.body.len, sizes[i]);
            buf_deinit(&c.body);
        }
    }
    ask("/x");
}

/* Nobody reads the page that comes with a 404: its size changes nothing. */
static void test_http_large_error_pages(void **state)
{
    static const size_t sizes[] = {RESPONSE_MAX + 1, 65536, 65537, 100000};

    (void)state;
    for (int framing = 0; framing < FRAMINGS; framing++) {
        for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
            struct caller c = {0};

            ask_answer(&c, "404 Not Found", (enum framing)framing, sizes[i]);
            assert_outcome(&c, HTTP_ANSWERED);
            assert_int_equal(c.status, 404);
            assert_int_equal(c.body.len, 0);
        }
    }
    ask("/x");
}

static void test_http_refused(void **state)
{
    struct http_site *closed;
    struct backend none;
    struct caller c = {0};
    char expected[100];

    (void)state;
    backend_open(&none, loop, false); /* a port that is nobody's when it is closed again */
    closed = open_site(none.base, NULL);
    backend_close(&none);
    start_request(&c, closed,
                  &(struct http_request){.target = "/secret?password=secret",
                                         .deadline_at_ms = clock_now_ms() + LONG_MS});
    WAIT_UNTIL(c.answers > 0);
    assert_outcome(&c, HTTP_FAILED);
    assert_true(c.is_refused);
    snprintf(expected, sizeof(expected), "connect to %s: Connection refused",
             none.base + strlen("http://"));
    assert_string_equal(c.reason, expected);
    assert_null(strstr(c.reason, "secret"));
    assert_true(c.is_refused);
    assert_false(c.may_have_arrived);
    assert_false(c.is_local_failure);
    http_site_close(&closed);
}

static void test_http_unix_socket(void **state)
{
    struct backend local;
    struct http_site *here, *elsewhere;
    struct caller c = {0}, d = {0}, other = {0};
    char upper[sizeof(local.path)], expected[200];
    struct http_request request = {.target = "/x", .deadline_at_ms = clock_now_ms() + LONG_MS};

    (void)state;
    backend_open(&local, loop, true);
    here = open_site(local.base, local.path);
    start_request(&c, here, &request);
    WAIT_UNTIL(c.answers > 0);
    assert_body(&c, "/x");
    assert_non_null(strstr(buf_string(&local.last), "Host: backend.test\r\n"));
    snprintf(upper, sizeof(upper), "%s", local.path); /* its connection is nobody else's */
    upper[strlen("/tmp/")] = 'P';
    elsewhere = open_site(local.base, upper);
    start_request(&other, elsewhere, &request);
    WAIT_UNTIL(other.answers > 0);
    assert_outcome(&other, HTTP_FAILED);
    assert_true(other.is_refused);
    http_site_close(&elsewhere);
    backend_close(&local);
    start_request(&d, here, &request); /* there is no such socket now */
    WAIT_UNTIL(d.answers > 0);
    assert_outcome(&d, HTTP_FAILED);
    assert_true(d.is_refused);
    snprintf(expected, sizeof(expected), "connect to %s: No such file or directory", local.path);
    assert_string_equal(d.reason, expected);
    http_site_close(&here);
    assert_int_equal(backend.requests, 0);
}

/* After a failure another connection that was kept would tell as little. */
static void test_http_on_a_new_connection(void **state)
{
    struct caller c = {0};

    (void)state;
    ask("/x");
    ask("/x");
    assert_int_equal(backend.accepted, 1);
    start_request(&c, site,
                  &(struct http_request){.target = "/y",
                                         .is_fresh = true,
                                         .deadline_at_ms = clock_now_ms() + LONG_MS});
    WAIT_UNTIL(c.answers > 0);
    assert_body(&c, "/y");
    assert_int_equal(backend.accepted, 2);
    ask("/x"); /* and it is kept like any other */
    assert_int_equal(backend.accepted, 2);
}

/* Who counts the requests has to know that there were two. */
static void test_http_sent_again_is_told(void **state)
{
    struct caller c = {0}, d = {0};

    (void)state;
    ask("/x");
    start(&c, "/drop");
    WAIT_UNTIL(c.answers > 0);
    assert_outcome(&c, HTTP_FAILED);
    assert_true(c.was_resent);
    assert_false(c.is_refused);
    assert_int_equal(backend.requests, 3);
    start(&d, "/drop"); /* no connection is kept */
    WAIT_UNTIL(d.answers > 0);
    assert_outcome(&d, HTTP_FAILED);
    assert_false(d.was_resent);
    assert_int_equal(backend.requests, 4);
}

static void test_http_bad_bases(void **state)
{
    static const char *const bases[] = {"",           "http://",     "nothing",
                                        "http://a b", "http://h{x}", "http://h:99999",
                                        "http://h\n", "http://[::1"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        const struct http_site_config config = {.base = bases[i], .max_response = 1};
        struct error err = {0};

        if (http_site_open(http, &config, &err) != NULL)
            fail_msg("'%s' was taken", bases[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

static void test_http_deadline_on_the_wire(void **state)
{
    struct caller c = {0};

    (void)state;
    start_within(&c, "/hold", 20);
    WAIT_UNTIL(c.answers > 0);
    assert_outcome(&c, HTTP_TIMED_OUT);
    assert_false(c.is_local_failure);
    WAIT_UNTIL(backend.accepted == backend.closed_by_client); /* its late answer goes nowhere */
    ask("/x");
}

static void test_http_deadline_has_passed(void **state)
{
    struct caller c = {0};
    const struct http_request request = {.target = "/hold", .deadline_at_ms = 0};

    (void)state;
    start_request(&c, site, &request);
    WAIT_UNTIL(c.answers > 0);
    assert_outcome(&c, HTTP_TIMED_OUT);
}

static void test_http_deadline_in_the_queue(void **state)
{
    struct caller first = {0}, second = {0}, third = {0};

    (void)state;
    set_pool(1, 60000);
    start(&first, "/hold");
    start_within(&second, "/second", 20);
    start(&third, "/third");
    WAIT_UNTIL(second.answers > 0 && backend_holds(&backend, "/hold"));
    assert_outcome(&second, HTTP_TIMED_OUT);
    assert_true(second.is_local_failure);
    assert_int_equal(first.answers, 0);
    backend_release(&backend, "/hold");
    WAIT_UNTIL(third.answers > 0);
    assert_body(&first, "/hold");
    assert_body(&third, "/third");
    assert_targets("/hold\n/third\n");
}

/* It was sent, but so late that the server had less of the time than the queue. */
static void test_http_deadline_soon_after_the_queue(void **state)
{
    struct caller first = {0}, late = {0};

    (void)state;
    set_pool(1, 60000);
    start_within(&first, "/hold", 300);
    start_within(&late, "/hold2", 400);
    WAIT_UNTIL(first.answers > 0 && late.answers > 0);
    assert_outcome(&first, HTTP_TIMED_OUT);
    assert_false(first.is_local_failure);
    assert_outcome(&late, HTTP_TIMED_OUT);
    assert_true(late.is_local_failure);
}

static void test_http_no_descriptor(void **state)
{
    struct caller c = {0};
    struct rlimit before, none;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = 0, .rlim_max = before.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    start(&c, "/x");
    WAIT_UNTIL(c.answers > 0);
    setrlimit(RLIMIT_NOFILE, &before);
    assert_outcome(&c, HTTP_FAILED);
    assert_true(c.is_local_failure);
    assert_string_equal(c.reason, strerror(EMFILE));
    ask("/x");
}

static void test_http_queue_keeps_its_order(void **state)
{
    static const char *const targets[] = {"/hold", "/1", "/2", "/3", "/4"};
    struct caller callers[ARRAY_LEN(targets)] = {{0}};

    (void)state;
    set_pool(1, 60000);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        start(&callers[i], targets[i]);
    WAIT_UNTIL(backend_holds(&backend, "/hold"));
    backend_release(&backend, "/hold");
    WAIT_UNTIL(callers[ARRAY_LEN(targets) - 1].answers > 0);
    for (size_t i = 0; i < ARRAY_LEN(targets); i++)
        assert_body(&callers[i], targets[i]);
    assert_targets("/hold\n/1\n/2\n/3\n/4\n");
    assert_int_equal(backend.accepted, 1);
}

static void test_http_queue_is_bounded(void **state)
{
    struct caller callers[5] = {{0}};

    (void)state;
    http_set_pool(http, &(struct pool_config){1, 3, 60000});
    for (int round = 0; round < 2; round++) { /* who has left the queue counts no more */
        memset(callers, 0, sizeof(callers));
        for (size_t i = 0; i < ARRAY_LEN(callers); i++)
            start(&callers[i], "/hold");
        WAIT_UNTIL(callers[4].answers > 0);
        assert_outcome(&callers[4], HTTP_QUEUE_FULL);
        http_cancel(&callers[2].call);
        start(&callers[2], "/hold");
        for (size_t i = 0; i < 4; i++) {
            WAIT_UNTIL(backend_holds(&backend, "/hold"));
            backend_release(&backend, "/hold");
        }
        for (size_t i = 0; i < 4; i++) {
            WAIT_UNTIL(callers[i].answers > 0);
            assert_body(&callers[i], "/hold");
        }
    }
    ask("/x");
}

/* Every way to leave the queue: as its first, last, only one, or from between. */
static bool is_not_wanted(void *arg)
{
    (void)arg;
    return false;
}

/* It is asked when its turn comes, and then not sent. */
static void test_http_unwanted_in_the_queue(void **state)
{
    struct caller first = {0}, second = {0};
    const struct http_request request = {.target = "/unwanted",
                                         .deadline_at_ms = clock_now_ms() + LONG_MS,
                                         .is_wanted = is_not_wanted};

    (void)state;
    set_pool(1, 60000);
    start(&first, "/hold");
    WAIT_UNTIL(backend_holds(&backend, "/hold"));
    start_request(&second, site, &request);
    ev_run(loop, EVRUN_NOWAIT);
    assert_int_equal(second.answers, 0);
    backend_release(&backend, "/hold");
    WAIT_UNTIL(second.answers > 0);
    assert_outcome(&second, HTTP_UNWANTED);
    assert_body(&first, "/hold");
    assert_targets("/hold\n");
}

static void test_http_cancel_in_the_queue(void **state)
{
    (void)state;
    set_pool(1, 60000);
    for (unsigned kept = 0; kept < 16; kept++) {
        static const char *const targets[] = {"/1", "/2", "/3", "/4"};
        struct caller first = {0}, callers[ARRAY_LEN(targets)] = {{0}}, last = {0};
        struct buf expected;

        buf_init(&expected, SIZE_MAX);
        buf_add(&expected, SPAN("/hold\n"));
        buf_clear(&backend.targets);
        start(&first, "/hold");
        for (size_t i = 0; i < ARRAY_LEN(targets); i++)
            start(&callers[i], targets[i]);
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
            if (kept & 1U << i) {
                buf_add(&expected, span_of(targets[i]));
                buf_add_char(&expected, '\n');
            } else {
                http_cancel(&callers[i].call);
                assert_null(callers[i].call);
            }
        }
        start(&last, "/last");
        buf_add(&expected, SPAN("/last\n"));
        WAIT_UNTIL(backend_holds(&backend, "/hold"));
        backend_release(&backend, "/hold");
        WAIT_UNTIL(last.answers > 0);
        assert_body(&first, "/hold");
        assert_body(&last, "/last");
        for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
            if (kept & 1U << i)
                assert_body(&callers[i], targets[i]);
            else
                assert_int_equal(callers[i].answers, 0);
        }
        assert_targets(buf_string(&expected));
        buf_deinit(&expected);
    }
}

static void test_http_cancel_in_flight(void **state)
{
    struct caller first = {0}, second = {0};

    (void)state;
    set_pool(1, 60000);
    start(&first, "/hold");
    start(&second, "/second");
    WAIT_UNTIL(backend_holds(&backend, "/hold"));
    http_cancel(&first.call);
    assert_null(first.call);
    http_cancel(&first.call);       /* NULL is fine */
    WAIT_UNTIL(second.answers > 0); /* its place went to who waited */
    assert_body(&second, "/second");
    WAIT_UNTIL(backend.closed_by_client == 1);
    assert_int_equal(first.answers, 0);
    assert_int_equal(backend.accepted, 2);
}

static void test_http_cancel_before_the_loop_runs(void **state)
{
    struct caller first = {0};

    (void)state;
    for (int i = 0; i < 10; i++) {
        start(&first, "/x");
        http_cancel(&first.call);
    }
    ask("/y");
    assert_int_equal(first.answers, 0);
}

static void then_cancel_all(struct caller *c)
{
    struct caller *others = c->then_arg;

    for (int i = 0; i < 4; i++)
        http_cancel(&others[i].call);
}

/* The others: one more that is answered already, one in flight, two in the queue. */
static void test_http_cancel_from_done(void **state)
{
    struct caller callers[4] = {{0}}, last = {0};

    (void)state;
    set_pool(3, 60000);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        callers[i].then = then_cancel_all;
        callers[i].then_arg = callers;
    }
    start(&callers[0], "/hold0");
    start(&callers[1], "/hold1");
    start(&callers[2], "/hold2");
    start(&callers[3], "/never");
    WAIT_UNTIL(backend.requests == 3);
    backend_release(&backend, "/hold0");
    backend_release(&backend, "/hold1"); /* both answers are there before the loop runs */
    WAIT_UNTIL(callers[0].answers + callers[1].answers > 0);
    start(&last, "/last");
    WAIT_UNTIL(last.answers > 0);
    assert_body(&last, "/last");
    assert_int_equal(callers[0].answers + callers[1].answers, 1);
    assert_int_equal(callers[2].answers + callers[3].answers, 0);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++) {
        assert_null(callers[i].call);
        if (callers[i].answers > 0)
            buf_deinit(&callers[i].body);
    }
}

static void then_start(struct caller *c)
{
    struct caller *next = c->then_arg;

    if (next != NULL)
        start(next, "/next");
}

static void test_http_start_from_done(void **state)
{
    struct caller callers[50] = {{0}};

    (void)state;
    set_pool(1, 60000);
    for (size_t i = 0; i + 1 < ARRAY_LEN(callers); i++) {
        callers[i].then = then_start;
        callers[i].then_arg = &callers[i + 1];
    }
    start(&callers[0], "/next");
    WAIT_UNTIL(callers[ARRAY_LEN(callers) - 1].answers > 0);
    for (size_t i = 0; i < ARRAY_LEN(callers); i++)
        assert_body(&callers[i], "/next");
    assert_int_equal(backend.accepted, 1);
}

/* One pool per host, whichever tables ask. */
static void test_http_sites_of_one_host_share_its_pool(void **state)
{
    const struct http_request request = {.target = "/other",
                                         .deadline_at_ms = clock_now_ms() + LONG_MS};
    struct http_site *same = open_site(backend.base, NULL);
    struct caller first = {0}, second = {0};

    (void)state;
    set_pool(1, 60000);
    start(&first, "/hold");
    start_request(&second, same, &request);
    WAIT_UNTIL(backend_holds(&backend, "/hold"));
    assert_targets("/hold\n");
    backend_release(&backend, "/hold");
    WAIT_UNTIL(second.answers > 0);
    assert_body(&first, "/hold");
    assert_body(&second, "/other");
    assert_int_equal(backend.accepted, 1);
    http_site_close(&same);
    http_site_close(&same); /* NULL is fine */
    ask("/x");
}

static void test_http_two_hosts_have_two_pools(void **state)
{
    const struct http_request request = {.target = "/other",
                                         .deadline_at_ms = clock_now_ms() + LONG_MS};
    struct caller first = {0}, second = {0};
    struct backend another;
    struct http_site *there;

    (void)state;
    set_pool(1, 60000);
    backend_open(&another, loop, false);
    there = open_site(another.base, NULL);
    start(&first, "/hold"); /* one backend that hangs takes nothing from the other */
    start_request(&second, there, &request);
    WAIT_UNTIL(second.answers > 0);
    assert_body(&second, "/other");
    http_cancel(&first.call);
    http_site_close(&there);
    backend_close(&another);
}

static void test_http_other_certificates_have_another_pool(void **state)
{
    const struct http_request request = {.target = "/other",
                                         .deadline_at_ms = clock_now_ms() + LONG_MS};
    const struct http_tls others[] = {{.ca = SPAN("a")}, {.cert = SPAN("a"), .key = SPAN("b")}};

    (void)state;
    set_pool(1, 60000);
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        const struct http_site_config config = {.base = backend.base,
                                                .connect_timeout_ms = 5000,
                                                .max_response = RESPONSE_MAX,
                                                .tls = others[i]};
        struct caller first = {0}, second = {0};
        struct error err = {0};
        struct http_site *other = http_site_open(http, &config, &err);

        start(&first, "/hold");
        start_request(&second, other, &request); /* waits for nothing */
        WAIT_UNTIL(second.answers > 0);
        assert_body(&second, "/other");
        http_cancel(&first.call);
        http_site_close(&other);
    }
}

/* Of headers: they may hold what nobody is to see. */
static void test_http_uses_tls(void **state)
{
    const struct http_tls both = {.ca = SPAN("A"), .cert = SPAN("C"), .key = SPAN("K")};
    const struct http_tls ca = {.ca = SPAN("A")}, pair = {.cert = SPAN("C"), .key = SPAN("K")};
    const struct http_tls other_ca = {.ca = SPAN("B")};
    const struct http_tls other_pair = {.cert = SPAN("C"), .key = SPAN("L")};
    const struct http_site_config config = {.base = backend.base, .tls = both, .max_response = 1};
    struct error err = {0};
    struct http_site *other;

    (void)state;
    assert_false(http_uses_tls(http, &ca));
    other = http_site_open(http, &config, &err);
    assert_non_null(other);
    assert_true(http_uses_tls(http, &both));
    assert_true(http_uses_tls(http, &ca));
    assert_true(http_uses_tls(http, &pair));
    assert_false(http_uses_tls(http, &other_ca));
    assert_false(http_uses_tls(http, &other_pair));
    http_site_close(&other);
    assert_false(http_uses_tls(http, &pair));
}

static void test_http_headers_are_wiped(void **state)
{
    static const char *const headers[] = {"Authorization: Bearer s3cret", "A: b"};
    const struct http_site_config config = {
        .base = backend.base, .headers = headers, .header_count = ARRAY_LEN(headers)};
    struct error err = {0};
    struct http_site *other = http_site_open(http, &config, &err);

    (void)state;
    wiped = 0;
    http_site_close(&other);
    assert_true(wiped >= strlen(headers[0]) + strlen(headers[1])); /* and User-Agent */
}

/* Nor do copies of them stay behind where buffers grew. */
static void test_http_headers_are_not_left_behind(void **state)
{
    enum { LONG = 4000 };
    static char filler[LONG] = "A: ";
    static const char *const headers[] = {"Authorization: Bearer s3cret", filler, "B: b"};
    const struct http_site_config config = {.base = backend.base,
                                            .connect_timeout_ms = 5000,
                                            .headers = headers,
                                            .header_count = ARRAY_LEN(headers)};
    struct caller c = {0};
    struct error err = {0};
    struct http_site *other;

    (void)state;
    memset(filler + 3, 'x', LONG - 4);
    left_behind = 0;
    other = http_site_open(http, &config, &err);
    assert_int_equal(left_behind, 0);
    start_request(&c, other,
                  &(struct http_request){.method = "DELETE",
                                         .target = filler,
                                         .headers = {filler, filler, filler, filler},
                                         .body = span_of(filler),
                                         .deadline_at_ms = clock_now_ms() + LONG_MS});
    assert_int_equal(left_behind, 0);
    http_cancel(&c.call);
    http_site_close(&other);
}

static void test_http_never_more_connections_than_the_pool_has(void **state)
{
    enum { CALLERS = 200, CONNECTIONS = 3 };
    struct caller callers[CALLERS] = {{0}};

    (void)state;
    set_pool(CONNECTIONS, 60000);
    ask_at_once(callers, CALLERS);
    assert_int_equal(backend.open_max, CONNECTIONS);
    assert_int_equal(backend.accepted, CONNECTIONS);
}

/* Writes take connections of their own, for which those that are kept make room. */
static void test_http_writes_count_as_well(void **state)
{
    enum { CONNECTIONS = 3 };
    const char *const targets[CONNECTIONS] = {"/hold0", "/hold1", "/hold2"};
    struct caller lookups[CONNECTIONS] = {{0}}, writes[CONNECTIONS] = {{0}};

    (void)state;
    set_pool(CONNECTIONS, 60000);
    ask_at_once(lookups, CONNECTIONS);
    assert_int_equal(backend.open, CONNECTIONS);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        start_request(&writes[i], site,
                      &(struct http_request){.method = "POST",
                                             .target = targets[i],
                                             .body = SPAN("{}"),
                                             .deadline_at_ms = clock_now_ms() + LONG_MS});
        WAIT_UNTIL(backend_holds(&backend, targets[i]));
        WAIT_UNTIL(backend.open <= CONNECTIONS);
        assert_int_equal(backend.open, CONNECTIONS);
    }
    for (size_t i = 0; i < CONNECTIONS; i++)
        http_cancel(&writes[i].call);
}

static void test_http_smaller_pool_closes_what_is_kept(void **state)
{
    struct caller first = {0}, second = {0};

    (void)state;
    start(&first, "/x");
    start(&second, "/x");
    WAIT_UNTIL(first.answers > 0 && second.answers > 0);
    assert_body(&first, "/x");
    assert_body(&second, "/x");
    assert_int_equal(backend.open, 2);
    set_pool(1, 60000);
    WAIT_UNTIL(backend.open == 1);
}

/* Takes what comes, and counts how often. */
struct stream_reader {
    struct caller caller; /* the first member: done is on_answer() */
    unsigned parts;
    size_t bytes;
};

static size_t on_part(void *arg, struct span bytes, bool *is_blocked)
{
    struct stream_reader *reader = arg;

    (void)is_blocked;
    reader->parts++;
    reader->bytes += bytes.len;
    return bytes.len;
}

/* What came together is one part, however many chunks that is: a reader looks at its rest again
 * for each. */
static void test_http_stream_of_small_chunks(void **state)
{
    enum { CHUNKS = 2000 };
    struct stream_reader reader = {.parts = 0};
    struct buf answer;

    (void)state;
    buf_init(&answer, SIZE_MAX);
    buf_add(&answer, SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (size_t i = 0; i < CHUNKS; i++)
        buf_add(&answer, SPAN("1\r\nx\r\n"));
    buf_add(&answer, SPAN("0\r\n\r\n"));
    backend.script = &(const struct backend_script){"/list", buf_span(&answer), false};
    backend.script_count = 1;
    start_request(&reader.caller, site,
                  &(struct http_request){.target = "/list",
                                         .data = on_part,
                                         .patience_ms = LONG_MS,
                                         .deadline_at_ms = clock_now_ms() + LONG_MS});
    WAIT_UNTIL(reader.caller.answers > 0);
    assert_outcome(&reader.caller, HTTP_ANSWERED);
    assert_int_equal(reader.bytes, CHUNKS);
    assert_in_range(reader.parts, 1, 3);
    buf_deinit(&answer);
}

/* Not of a stream as a whole, but of what its reader cannot use yet. */
static size_t on_part_unused(void *arg, struct span bytes, bool *is_blocked)
{
    (void)arg;
    (void)bytes;
    (void)is_blocked;
    return 0;
}

static void test_http_stream_too_large(void **state)
{
    static const bool are_closed[] = {false, true};
    struct buf answer;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(are_closed); i++) {
        for (size_t over = 0; over < 2; over++) {
            struct caller c = {0};

            buf_init(&answer, SIZE_MAX);
            buf_add(&answer, SPAN("HTTP/1.1 200 OK\r\n"));
            if (!are_closed[i]) {
                buf_add(&answer, SPAN("Content-Length: "));
                buf_add_uint(&answer, RESPONSE_MAX + over);
                buf_add(&answer, SPAN("\r\n"));
            }
            buf_add(&answer, SPAN("\r\n"));
            for (size_t n = 0; n < RESPONSE_MAX + over; n++)
                buf_add_char(&answer, 'x');
            backend.script =
                &(const struct backend_script){"/list", buf_span(&answer), are_closed[i]};
            backend.script_count = 1;
            start_request(&c, site,
                          &(struct http_request){.target = "/list",
                                                 .data = on_part_unused,
                                                 .patience_ms = LONG_MS,
                                                 .deadline_at_ms = clock_now_ms() + LONG_MS});
            WAIT_UNTIL(c.answers > 0);
            assert_outcome(&c, over > 0 ? HTTP_TOO_LARGE : HTTP_ANSWERED);
            buf_deinit(&c.body);
            buf_deinit(&answer);
        }
    }
}

/* Who goes on with what was not blocked does not give the server more time. */
static void test_http_stream_goes_on_unasked(void **state)
{
    struct stream_reader reader = {.parts = 0};

    (void)state;
    start_request(&reader.caller, site,
                  &(struct http_request){.target = "/hold",
                                         .data = on_part,
                                         .patience_ms = LONG_MS,
                                         .deadline_at_ms = clock_now_ms() + 50});
    http_go_on(reader.caller.call);
    WAIT_UNTIL(reader.caller.answers > 0);
    assert_outcome(&reader.caller, HTTP_TIMED_OUT);
    assert_int_equal(reader.parts, 0);
}

static void test_http_larger_pool_sends_what_waits(void **state)
{
    struct caller callers[3] = {{0}};

    (void)state;
    set_pool(1, 60000);
    start(&callers[0], "/hold0");
    start(&callers[1], "/hold1");
    start(&callers[2], "/hold2");
    WAIT_UNTIL(backend.requests == 1);
    set_pool(3, 60000);
    WAIT_UNTIL(backend.requests == 3);
    set_pool(1, 60000); /* a smaller one takes nothing back */
    backend_release(&backend, "/hold2");
    backend_release(&backend, "/hold1");
    backend_release(&backend, "/hold0");
    WAIT_UNTIL(callers[0].answers + callers[1].answers + callers[2].answers == 3);
    assert_body(&callers[0], "/hold0");
    assert_body(&callers[1], "/hold1");
    assert_body(&callers[2], "/hold2");
}

static void test_http_free_null(void **state)
{
    struct http *none = NULL;
    struct http_call *call = NULL;
    struct http_site *nowhere = NULL;

    (void)state;
    http_free(&none);
    http_cancel(&call);
    http_site_close(&nowhere);
    assert_non_null(strstr(http_library(), "libcurl/"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BACKEND(test_http_request_on_the_wire),
        WITH_BACKEND(test_http_method),
        WITH_BACKEND(test_http_keeps_connections),
        WITH_BACKEND(test_http_kept_connection_closed_meanwhile),
        WITH_BACKEND(test_http_kept_connection_closed_under_a_request),
        WITH_BACKEND(test_http_idle_connections_are_closed),
        WITH_BACKEND(test_http_idle_connections_and_the_hour),
        WITH_BACKEND(test_http_connections_to_names_do_not_age),
        WITH_BACKEND(test_http_bursts_and_calls_one_by_one),
        WITH_BACKEND(test_http_statuses),
        WITH_BACKEND(test_http_bodies),
        WITH_BACKEND(test_http_cut_anywhere),
        WITH_BACKEND(test_http_cut_anywhere_on_a_kept_connection),
        WITH_BACKEND(test_http_unasked_bytes),
        WITH_BACKEND(test_http_unasked_bytes_while_idle),
        WITH_BACKEND(test_http_large_write),
        WITH_BACKEND(test_http_large_write_to_a_slow_server),
        WITH_BACKEND(test_http_write_is_never_sent_again),
        WITH_BACKEND(test_http_write_refused_early),
        WITH_BACKEND(test_http_write_answered_early),
        WITH_BACKEND(test_http_in_pieces),
        WITH_BACKEND(test_http_no_answer),
        WITH_BACKEND(test_http_too_large),
        WITH_BACKEND(test_http_large_error_pages),
        WITH_BACKEND(test_http_refused),
        WITH_BACKEND(test_http_unix_socket),
        WITH_BACKEND(test_http_on_a_new_connection),
        WITH_BACKEND(test_http_sent_again_is_told),
        WITH_BACKEND(test_http_bad_bases),
        WITH_BACKEND(test_http_deadline_on_the_wire),
        WITH_BACKEND(test_http_deadline_has_passed),
        WITH_BACKEND(test_http_deadline_in_the_queue),
        WITH_BACKEND(test_http_deadline_soon_after_the_queue),
        WITH_BACKEND(test_http_no_descriptor),
        WITH_BACKEND(test_http_queue_keeps_its_order),
        WITH_BACKEND(test_http_queue_is_bounded),
        WITH_BACKEND(test_http_unwanted_in_the_queue),
        WITH_BACKEND(test_http_cancel_in_the_queue),
        WITH_BACKEND(test_http_cancel_in_flight),
        WITH_BACKEND(test_http_cancel_before_the_loop_runs),
        WITH_BACKEND(test_http_cancel_from_done),
        WITH_BACKEND(test_http_start_from_done),
        WITH_BACKEND(test_http_sites_of_one_host_share_its_pool),
        WITH_BACKEND(test_http_two_hosts_have_two_pools),
        WITH_BACKEND(test_http_other_certificates_have_another_pool),
        WITH_BACKEND(test_http_uses_tls),
        WITH_BACKEND(test_http_headers_are_wiped),
        WITH_BACKEND(test_http_headers_are_not_left_behind),
        WITH_BACKEND(test_http_never_more_connections_than_the_pool_has),
        WITH_BACKEND(test_http_writes_count_as_well),
        WITH_BACKEND(test_http_smaller_pool_closes_what_is_kept),
        WITH_BACKEND(test_http_stream_of_small_chunks),
        WITH_BACKEND(test_http_stream_too_large),
        WITH_BACKEND(test_http_stream_goes_on_unasked),
        WITH_BACKEND(test_http_larger_pool_sends_what_waits),
        cmocka_unit_test(test_http_free_null),
    };

    setenv("http_proxy", "http://127.0.0.1:1", 1); /* podop asks backends itself */
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
