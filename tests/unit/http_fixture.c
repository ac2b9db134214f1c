#include "http_fixture.h"

void http_fixture_set_pool(struct http_fixture *f, uint32_t max_connections,
                           uint32_t idle_timeout_ms)
{
    http_set_pool(f->http, &(struct pool_config){max_connections, 1000, idle_timeout_ms});
}

struct http_site *http_fixture_open_site(struct http_fixture *f, const char *base,
                                         const char *unix_socket)
{
    static const char *const headers[] = {"Accept: application/json", "Podop-Table: alias"};
    const struct http_site_config config = {
        .base = base,
        .unix_socket = unix_socket,
        .headers = headers,
        .header_count = ARRAY_LEN(headers),
        .connect_timeout_ms = 5000,
        .max_response = HTTP_RESPONSE_MAX,
    };
    struct error err = {0};
    struct http_site *opened = http_site_open(f->http, &config, &err);

    if (opened == NULL)
        fail_msg("%s", err.text);
    return opened;
}

static int set_up(void **state, bool is_unix)
{
    const struct pool_config pool = {8, 1000, 60000};
    struct http_fixture *f = calloc(1, sizeof(*f));
    struct error err = {0};

    f->loop = ev_loop_new(EVFLAG_AUTO);
    backend_open(&f->backend, f->loop, is_unix);
    f->http = http_new(f->loop, &pool, &err);
    if (f->http == NULL)
        fail_msg("%s", err.text);
    f->site = http_fixture_open_site(f, f->backend.base, is_unix ? f->backend.path : NULL);
    *state = f;
    return 0;
}

int http_fixture_setup(void **state)
{
    return set_up(state, false);
}

int http_fixture_setup_unix(void **state)
{
    return set_up(state, true);
}

int http_fixture_teardown(void **state)
{
    struct http_fixture *f = *state;

    http_site_close(&f->site);
    http_free(&f->http);
    backend_close(&f->backend);
    ev_loop_destroy(f->loop);
    free(f);
    return 0;
}

/* Callers */

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct http_caller *caller = arg;

    assert_non_null(caller->call); /* http_start() has returned */
    caller->call = NULL;
    caller->answers++;
    caller->outcome = answer->outcome;
    caller->status = answer->status;
    caller->is_local_failure = answer->is_local_failure;
    caller->may_have_arrived = answer->may_have_arrived;
    caller->is_refused = answer->is_refused;
    caller->is_unreachable = answer->is_unreachable;
    caller->has_moved = answer->moved_to != NULL;
    if (caller->has_moved)
        caller->moved_to = *answer->moved_to;
    caller->was_resent = answer->was_resent;
    if (answer->outcome == HTTP_FAILED || answer->outcome == HTTP_ENCODED)
        snprintf(caller->reason, sizeof(caller->reason), "%s", answer->reason);
    if (caller->then != NULL)
        caller->then(caller);
    buf_init(&caller->body, SIZE_MAX); /* copied last: then() must not have changed the answer */
    if (answer->outcome == HTTP_ANSWERED)
        buf_add(&caller->body, answer->body);
}

void http_caller_start_request(struct http_caller *caller, struct http_site *site,
                               const struct http_request *request)
{
    struct http_request copied = *request;
    char *target = xstrdup(request->target);

    copied.target = target;
    caller->site = site;
    caller->call = http_start(site, &copied, on_answer, caller);
    assert_non_null(caller->call);
    assert_int_equal(caller->answers, 0);
    free(target);
}

void http_caller_start_within(struct http_fixture *f, struct http_caller *caller,
                              const char *target, uint64_t ms)
{
    http_caller_start_request(
        caller, f->site,
        &(struct http_request){.is_repeatable = true,
                               .target = target,
                               .deadline_at_ms = service_now_ms(f->loop) + ms});
}

void http_caller_start(struct http_fixture *f, struct http_caller *caller, const char *target)
{
    http_caller_start_within(f, caller, target, HTTP_LONG_MS);
}

static void start_write(struct http_fixture *f, struct http_caller *caller, const char *method,
                        const char *target, struct span body)
{
    const struct http_request request = {
        .method = method,
        .target = target,
        .body = body,
        .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS,
    };

    http_caller_start_request(caller, f->site, &request);
}

void http_caller_start_method(struct http_fixture *f, struct http_caller *caller,
                              const char *method, const char *target)
{
    *caller = (struct http_caller){0};
    if (method == NULL)
        http_caller_start(f, caller, target);
    else
        start_write(f, caller, method, target, SPAN("1"));
}

void http_caller_write(struct http_fixture *f, struct http_caller *caller, struct span body)
{
    start_write(f, caller, "POST", "/w", body);
    HTTP_WAIT(f, caller->answers > 0);
}

void http_caller_assert_body(struct http_caller *caller, const char *body)
{
    http_caller_assert_outcome(caller, HTTP_ANSWERED);
    assert_int_equal(caller->status, 200);
    assert_true(span_equal(buf_span(&caller->body), span_of(body)));
    buf_deinit(&caller->body);
}

void http_caller_assert_outcome(const struct http_caller *caller, enum http_outcome outcome)
{
    assert_int_equal(caller->answers, 1);
    assert_null(caller->call);
    assert_int_equal(caller->outcome, outcome);
    if (outcome == HTTP_FAILED)
        assert_true(caller->reason[0] != '\0');
}

void http_caller_assert_ended(struct http_caller *caller, enum http_outcome outcome)
{
    http_caller_assert_outcome(caller, outcome);
    buf_deinit(&caller->body);
}

/* Lookups */

void http_fixture_ask_at(struct http_fixture *f, struct http_site *site, const char *target)
{
    const struct http_request request = {.is_repeatable = true,
                                         .target = target,
                                         .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS};
    struct http_caller caller = {0};

    http_caller_start_request(&caller, site, &request);
    HTTP_WAIT(f, caller.answers > 0);
    http_caller_assert_body(&caller, target);
}

void http_fixture_ask(struct http_fixture *f, const char *target)
{
    http_fixture_ask_at(f, f->site, target);
}

void http_fixture_ask_at_once(struct http_fixture *f, struct http_caller *callers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        http_caller_start(f, &callers[i], "/x");
    for (size_t i = 0; i < count; i++) {
        HTTP_WAIT(f, callers[i].answers > 0);
        http_caller_assert_body(&callers[i], "/x");
    }
}

void http_fixture_assert_targets(struct http_fixture *f, const char *expected)
{
    assert_string_equal(buf_string(&f->backend.targets), expected);
}
