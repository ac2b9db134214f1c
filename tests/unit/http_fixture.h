/* http_fixture.h - shared by the tests of the HTTP client: a loop, a client with one site, a
 * backend on the same loop, and callers that record how their calls end. */
#ifndef PODOP_TESTS_HTTP_FIXTURE_H
#define PODOP_TESTS_HTTP_FIXTURE_H

#include "unit.h"

#include "fake_backend.h"

#include "podop/deadline.h"
#include "podop/http.h"

enum {
    HTTP_LONG_MS = 600 * 1000, /* longer than any test */
    HTTP_RESPONSE_MAX = 1000,  /* of the sites */
};

struct http_fixture {
    struct ev_loop *loop;
    struct http *http;
    struct http_site *site;
    struct backend backend;
};

/* One caller of http_start(), and the answer that it got. */
struct http_caller {
    struct http_call *call;
    struct http_site *site;
    unsigned answers;
    enum http_outcome outcome;
    unsigned status;
    bool is_local_failure, may_have_arrived, is_refused, is_unreachable, was_resent;
    bool has_moved;
    struct endpoint moved_to; /* if has_moved */
    struct buf body;
    char reason[300];
    void (*then)(struct http_caller *caller); /* called in done(); may be NULL */
    void *then_arg;
};

#define HTTP_TEST(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, http_fixture_setup, http_fixture_teardown)
#define HTTP_TEST_UNIX(test)                                                                       \
    cmocka_unit_test_setup_teardown(test, http_fixture_setup_unix, http_fixture_teardown)

/* Runs the loop until the condition is true. If it never is, the test's time limit ends the
 * program. Deferred calls run in the first round, which does not wait. */
#define HTTP_WAIT(f, condition)                                                                    \
    do {                                                                                           \
        for (int flags = EVRUN_NOWAIT; !(condition); flags = EVRUN_ONCE)                           \
            ev_run((f)->loop, flags);                                                              \
    } while (0)

int http_fixture_setup(void **state);      /* *state is a struct http_fixture */
int http_fixture_setup_unix(void **state); /* the same, over a unix socket */
int http_fixture_teardown(void **state);

void http_fixture_set_pool(struct http_fixture *f, uint32_t max_connections,
                           uint32_t idle_timeout_ms);
struct http_site *http_fixture_open_site(struct http_fixture *f, const char *base,
                                         const char *unix_socket);

/* Look up a target, and assert that the body is the target: at the fixture's site, at another site,
 * or many times at once. */
void http_fixture_ask(struct http_fixture *f, const char *target);
void http_fixture_ask_at(struct http_fixture *f, struct http_site *site, const char *target);
void http_fixture_ask_at_once(struct http_fixture *f, struct http_caller *callers, size_t count);
/* Asserts which targets the backend has received, each with a line feed. */
void http_fixture_assert_targets(struct http_fixture *f, const char *expected);

void http_caller_start_request(struct http_caller *caller, struct http_site *site,
                               const struct http_request *request);
void http_caller_start(struct http_fixture *f, struct http_caller *caller, const char *target);
void http_caller_start_within(struct http_fixture *f, struct http_caller *caller,
                              const char *target, uint64_t ms);
/* Starts a write, or with a NULL method a lookup. */
void http_caller_start_method(struct http_fixture *f, struct http_caller *caller,
                              const char *method, const char *target);
/* Writes body to /w, and waits for the end. */
void http_caller_write(struct http_fixture *f, struct http_caller *caller, struct span body);

/* Asserts that the call was answered once, with 200 and this body. */
void http_caller_assert_body(struct http_caller *caller, const char *body);
/* Assert that the call has ended once, with this outcome. The first function keeps the body, the
 * second one frees it. */
void http_caller_assert_outcome(const struct http_caller *caller, enum http_outcome outcome);
void http_caller_assert_ended(struct http_caller *caller, enum http_outcome outcome);

#endif
