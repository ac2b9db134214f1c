/* http_case.h - what tests of the HTTP client share: a loop, a client with one site, a backend on
 * the same loop, and callers that note what they are told. */
#ifndef PODOP_TESTS_HTTP_CASE_H
#define PODOP_TESTS_HTTP_CASE_H

#include "unit.h"

#include "fake_backend.h"

#include "podop/deadline.h"
#include "podop/http.h"

enum { HTTP_CASE_TIMEOUT_MS = 60 * 1000 };

struct http_case {
    struct ev_loop *loop;
    struct http *http;
    struct http_site *site;
    struct backend backend;
};

/* One caller of http_start(), and what it was told. */
struct http_caller {
    struct http_call *call;
    unsigned answers;
    enum http_outcome outcome;
    unsigned status;
    bool may_have_arrived;
    struct buf body;
    char reason[300];
};

/* Ends with the test program's time limit when what is waited for never happens. */
#define HTTP_CASE_WAIT(c, condition)                                                               \
    do {                                                                                           \
        for (int flags = EVRUN_NOWAIT; !(condition); flags = EVRUN_ONCE)                           \
            ev_run((c)->loop, flags);                                                              \
    } while (0)

int http_case_setup(void **state);      /* *state is a struct http_case */
int http_case_setup_unix(void **state); /* the same, over a unix socket */
int http_case_teardown(void **state);

/* method NULL: a lookup. */
void http_case_start(struct http_case *c, struct http_caller *caller, const char *method,
                     const char *target);
void http_case_ask(struct http_case *c, const char *target); /* a lookup that finds it */
/* It was answered once, with 200 and this; or it ended like this. */
void http_case_assert_body(struct http_caller *caller, const char *body);
void http_case_assert_outcome(struct http_caller *caller, enum http_outcome outcome);

#endif
