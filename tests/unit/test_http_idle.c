/* Connections after their first exchange: which bytes may come on them, and what ends them. */
#include "http_fixture.h"

#define EVIL "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
#define LATE "HTTP/1.1 408 Request Timeout\r\n"

/* Bytes that do not answer the request that was sent just before. */
static const struct span strays[] = {
    TEXT("\r\n"),
    TEXT("\n"),
    TEXT("\r"),
    TEXT("\r\n" EVIL),
    TEXT("0\r\n\r\n"),
    TEXT("0\r\n\r\n" EVIL),
    TEXT("\r\n0\r\n\r\n"),
    TEXT("null"),
    TEXT("HTTP/2 200"),
    TEXT(LATE "Content-Length: 0\r\n\r\n"),
    TEXT(LATE "Content-Length: 0\r\nConnection: close\r\n\r\n"),
    TEXT(LATE "Content-Length: 5\r\n\r\nlate!"),
    TEXT(LATE "Content-Length: 5\r\n\r\nl"),
    TEXT(LATE "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    TEXT(LATE "\r\n"),
    TEXT(LATE),
};

/* The backend sends these bytes instead of an answer to the request for target. */
static void say(struct http_fixture *f, const char *target, struct span bytes, bool ends)
{
    struct backend_conn *conn;

    HTTP_WAIT(f, backend_holds(&f->backend, target));
    conn = backend_held(&f->backend, target);
    conn->is_held = false;
    backend_say(conn, bytes);
    if (ends)
        backend_end(conn);
}

static void test_strays_end_an_idle_connection(void **state)
{
    struct http_fixture *f = *state;

    for (size_t i = 0; i < 2 * ARRAY_LEN(strays); i++) {
        struct http_caller caller;
        unsigned accepted;

        http_fixture_ask(f, "/x"); /* its connection becomes idle */
        accepted = f->backend.accepted;
        http_caller_start_method(f, &caller, NULL, "/hold");
        say(f, "/hold", strays[i / 2], i % 2 == 1);
        HTTP_WAIT(f, backend_holds(&f->backend, "/hold")); /* the request is sent again */
        assert_int_equal(f->backend.accepted, accepted + 1);
        assert_int_equal(caller.answers, 0);
        backend_release(&f->backend, "/hold");
        HTTP_WAIT(f, caller.answers > 0);
        http_caller_assert_body(&caller, "/hold");
    }
}

/* On a new connection, the same bytes can only be the answer. */
static void test_strays_on_a_new_connection_are_the_answer(void **state)
{
    static const char *const methods[] = {NULL, "POST"};
    struct http_fixture *f = *state;

    for (size_t i = 0; i < 2 * ARRAY_LEN(strays); i++) {
        const struct span stray = strays[i / 2];
        const bool is_whole = memmem(stray.ptr, stray.len, "\r\n\r\n", 4) != NULL &&
                              span_starts_with(stray, SPAN(LATE)) &&
                              stray.ptr[stray.len - 1] != 'l';
        struct http_caller caller;
        unsigned requests;

        backend_drop_connections(&f->backend);
        ev_run(f->loop, EVRUN_NOWAIT);
        requests = f->backend.requests;
        http_caller_start_method(f, &caller, methods[i % 2], "/hold");
        say(f, "/hold", stray, true);
        HTTP_WAIT(f, caller.answers > 0);
        assert_int_equal(f->backend.requests, requests + 1);
        if (is_whole)
            assert_int_equal(caller.status, 408);
        http_caller_assert_ended(&caller, is_whole ? HTTP_ANSWERED : HTTP_FAILED);
    }
}

/* A request is not sent again when its answer has begun. */
static void test_begun_answer_is_not_repeated(void **state)
{
    static const struct span begun[] = {TEXT("H"), TEXT("HTTP/1.1 2"), TEXT("HTTP/1.1 200 OK\r\n")};
    struct http_fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(begun); i++) {
        struct http_caller caller;
        unsigned requests;

        http_fixture_ask(f, "/x");
        requests = f->backend.requests;
        AT_CASE("%zu", i);
        http_caller_start_method(f, &caller, NULL, "/hold");
        say(f, "/hold", begun[i], true);
        HTTP_WAIT(f, caller.answers > 0);
        http_caller_assert_ended(&caller, HTTP_FAILED);
        assert_int_equal(f->backend.requests, requests + 1);
    }
}

/* A request is sent again only once. */
static void test_stray_after_a_stray(void **state)
{
    struct http_fixture *f = *state;
    struct http_caller caller;

    http_fixture_ask(f, "/x");
    http_caller_start_method(f, &caller, NULL, "/hold");
    say(f, "/hold", SPAN("\r\n" EVIL), false);
    say(f, "/hold", SPAN("\r\n" EVIL), false);
    HTTP_WAIT(f, caller.answers > 0);
    http_caller_assert_ended(&caller, HTTP_FAILED);
}

/* The announced body would come after the next request, which uses another connection. */
static void test_announced_body_of_an_answer_without_one(void **state)
{
    static const struct span answers[] = {
        TEXT("HTTP/1.1 204 No Content\r\nContent-Length: 4\r\n\r\n"),
        TEXT("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n"),
        TEXT("HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n"),
        TEXT("HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
    };
    struct http_fixture *f = *state;

    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        struct http_caller caller;
        unsigned closed;

        http_fixture_ask(f, "/x");
        closed = f->backend.closed_by_client;
        AT_CASE("%zu", i);
        http_caller_start_method(f, &caller, NULL, "/hold");
        say(f, "/hold", answers[i], false);
        HTTP_WAIT(f, caller.answers > 0);
        assert_int_equal(caller.status, i < 2 ? 204 : 304);
        http_caller_assert_ended(&caller, HTTP_ANSWERED);
        HTTP_WAIT(f, f->backend.closed_by_client == closed + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_strays_end_an_idle_connection),
        HTTP_TEST(test_strays_on_a_new_connection_are_the_answer),
        HTTP_TEST(test_begun_answer_is_not_repeated),
        HTTP_TEST(test_stray_after_a_stray),
        HTTP_TEST(test_announced_body_of_an_answer_without_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
