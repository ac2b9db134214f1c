#include "http_case.h"

#include <stdlib.h>

static int set_up(void **state, bool is_unix)
{
    const struct pool_config pool = {8, 1000, 60000};
    struct http_case *c = calloc(1, sizeof(*c));
    struct error err = {0};

    c->loop = ev_loop_new(EVFLAG_AUTO);
    backend_open(&c->backend, c->loop, is_unix);
    c->http = http_new(c->loop, &pool, &err);
    if (c->http == NULL)
        fail_msg("%s", err.text);
    c->site = http_site_open(c->http,
                             &(struct http_site_config){
                                 .base = c->backend.base,
                                 .unix_socket = is_unix ? c->backend.path : NULL,
                                 .connect_timeout_ms = 5000,
                                 .max_response = 1 << 20,
                             },
                             &err);
    if (c->site == NULL)
        fail_msg("%s", err.text);
    *state = c;
    return 0;
}

int http_case_setup(void **state)
{
    return set_up(state, false);
}

int http_case_setup_unix(void **state)
{
    return set_up(state, true);
}

int http_case_teardown(void **state)
{
    struct http_case *c = *state;

    http_site_close(&c->site);
    http_free(&c->http);
    backend_close(&c->backend);
    ev_loop_destroy(c->loop);
    free(c);
    return 0;
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct http_caller *caller = arg;

    caller->call = NULL;
    caller->answers++;
    caller->outcome = answer->outcome;
    caller->status = answer->status;
    caller->may_have_arrived = answer->may_have_arrived;
    if (answer->outcome == HTTP_FAILED)
        snprintf(caller->reason, sizeof(caller->reason), "%s", answer->reason);
    buf_init(&caller->body, SIZE_MAX);
    if (answer->outcome == HTTP_ANSWERED)
        buf_add(&caller->body, answer->body);
}

void http_case_start(struct http_case *c, struct http_caller *caller, const char *method,
                     const char *target)
{
    const struct http_request request = {
        .method = method,
        .target = target,
        .deadline_at_ms = service_now_ms(c->loop) + HTTP_CASE_TIMEOUT_MS,
        .body = method == NULL ? SPAN("") : SPAN("1"),
    };

    *caller = (struct http_caller){0};
    caller->call = http_start(c->site, &request, on_answer, caller);
}

void http_case_assert_body(struct http_caller *caller, const char *body)
{
    assert_int_equal(caller->answers, 1);
    assert_int_equal(caller->outcome, HTTP_ANSWERED);
    assert_int_equal(caller->status, 200);
    assert_true(span_equal(buf_span(&caller->body), span_of(body)));
    buf_deinit(&caller->body);
}

void http_case_assert_outcome(struct http_caller *caller, enum http_outcome outcome)
{
    assert_int_equal(caller->answers, 1);
    assert_int_equal(caller->outcome, outcome);
    buf_deinit(&caller->body);
}

void http_case_ask(struct http_case *c, const char *target)
{
    struct http_caller caller;

    http_case_start(c, &caller, NULL, target);
    HTTP_CASE_WAIT(c, caller.answers > 0);
    http_case_assert_body(&caller, target);
}
