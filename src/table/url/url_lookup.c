#include "url_lookup.h"

#include "table/json_reply.h"
#include "url_error.h"
#include "url_explain.h"
#include "url_request.h"

#include "podop/clock.h"
#include "podop/encoding.h"
#include "podop/json_value.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS_EXPLAINED_MAX = 3 };

static struct url_fetch *url_fetch_of(struct url_attempt *a)
{
    return CONTAINER_OF(a, struct url_fetch, attempt);
}

/* The end of a lookup */

static void finish(struct url_fetch *f, const struct reply *reply)
{
    struct reply ended = *reply;

    ended.http_status = f->attempt.http_status;
    url_attempt_close(&f->attempt);
    fetch_finish(&f->base, &ended);
}

static void on_failed(struct url_attempt *a, enum reply_status status, const char *why)
{
    struct url_fetch *f = url_fetch_of(a);
    char text[TABLE_REASON_BYTES];

    finish(f, &(struct reply){.status = status,
                              .reason = table_reason(f->base.table, text, "%s", why)});
}

static void on_missed(struct url_attempt *a)
{
    finish(url_fetch_of(a), &(struct reply){.status = REPLY_MISS});
}

static void succeed(struct url_fetch *f, const struct reply *reply)
{
    url_attempt_success(&f->attempt);
    finish(f, reply);
}

/* The value in an answer */

static void answer_value(struct url_fetch *f, struct span value)
{
    struct reply reply;
    struct buf scratch;

    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    json_reply(value, &scratch, &reply);
    succeed(f, &reply);
    buf_deinit(&scratch);
}

/* Answers when the body has no such part as the one that is selected. */
static void answer_no_part(struct url_fetch *f)
{
    if (f->attempt.table->statuses.is_strict) {
        url_attempt_fail_over(&f->attempt,
                              "the answer has nothing where 'select' points, which is not a miss "
                              "(strict)");
        return;
    }
    fetch_note(&f->base, "means", SPAN("a miss: the answer has nothing where 'select' points"));
    succeed(f, &(struct reply){.status = REPLY_MISS});
}

/* Returns whether the body is JSON, or is JSON after a byte order mark, which is then removed. */
static bool is_json(struct span *body, struct error *err)
{
    const struct span rest = encoding_skip_mark(*body);

    if (json_check(*body, err) == 0)
        return true;
    if (rest.len == body->len || json_check(rest, err) == -1)
        return false;
    *body = rest;
    return true;
}

static void answer_any(struct url_fetch *f, struct span body)
{
    const struct url_table *t = f->attempt.table;
    struct error err = {0};
    char not_json[sizeof(err.text) + 40];
    char failure[URL_ERROR_BYTES];

    if (!is_json(&body, &err)) {
        snprintf(not_json, sizeof(not_json), "the answer is not JSON: %s", err.text);
        url_attempt_fail_bad(&f->attempt, REPLY_TEMPORARY, not_json);
    } else if (t->error != NULL && url_error_find(t->error, body, failure)) {
        url_attempt_fail_bad(&f->attempt, REPLY_TEMPORARY, failure);
    } else if (t->select == NULL || json_select(&body, span_of(t->select))) {
        answer_value(f, body);
    } else {
        answer_no_part(f);
    }
}

static void on_answered(struct url_attempt *a, const struct http_answer *answer)
{
    struct url_fetch *f = url_fetch_of(a);
    struct reply reply;

    if (a->table->select == NULL && json_reply_plain(answer->body, &reply))
        succeed(f, &reply);
    else
        answer_any(f, answer->body);
}

/* Returns whether to add notes about this request. URLs that refuse connections are asked in many
 * rounds; the first ones are enough. */

static bool is_explained(const struct url_fetch *f)
{
    return f->base.notes != NULL && f->requests <= ROUNDS_EXPLAINED_MAX * f->attempt.route.end;
}

static void explain_request(struct url_fetch *f, const struct http_request *request)
{
    const struct endpoint *address = url_route_address(&f->attempt.route);
    char text[ENDPOINT_TEXT_BYTES];

    if (!is_explained(f))
        return;
    f->asked_at_ms = clock_now_ms();
    fetch_format(&f->base, "url", "%s%s",
                 url_template_base(url_attempt_backend(&f->attempt)->template), request->target);
    if (address != NULL)
        fetch_format(&f->base, "address", "%s", endpoint_print(address, text));
    if (request->body.len > 0)
        fetch_note_cut(&f->base, "post", request->body, URL_EXPLAIN_BODY_BYTES_MAX);
}

static void on_call_ended(struct url_attempt *a, const struct http_answer *answer)
{
    struct url_fetch *f = url_fetch_of(a);

    if (is_explained(f))
        url_explain_answer(&f->base, &a->table->statuses, answer, f->asked_at_ms);
}

static void on_queued(struct url_attempt *a)
{
    fetch_note(&url_fetch_of(a)->base, "wait", SPAN("many requests for this key are under way"));
}

/* Sending */

static void send_to(struct url_fetch *f, const char *target)
{
    struct url_question question;
    struct http_request request = {
        .target = target,
        .excerpt_max = f->base.notes == NULL ? 0 : URL_EXPLAIN_BODY_BYTES_MAX,
    };

    url_question_init(&question, f->attempt.table, &f->base.key, &request);
    f->requests++;
    explain_request(f, &request);
    url_attempt_send(&f->attempt, &request);
    url_question_deinit(&question);
}

static enum url_target find_target(struct url_attempt *a, const struct url_backend *backend,
                                   char **target)
{
    return url_request_target(a->table, backend,
                              &CONTAINER_OF(a, struct url_fetch, attempt)->base.key, target);
}

static void send(struct url_attempt *a)
{
    struct url_fetch *f = url_fetch_of(a);
    char *target;

    switch (find_target(a, url_attempt_backend(a), &target)) {
    case URL_TARGET_OK: send_to(f, target); break;
    case URL_TARGET_CLIMBS:
        fetch_note(&f->base, "url", SPAN("none: the key would leave the path of the template"));
        url_attempt_skip(a);
        break;
    case URL_TARGET_LONG:
        fetch_note(&f->base, "url", SPAN("none: the key is too long for a URL"));
        url_attempt_skip(a);
        break;
    }
    free(target);
}

/* Does not wait for URLs that refuse connections when the cache has a stale answer. */
static bool may_wait(struct url_attempt *a)
{
    return !fetch_has_stale(&url_fetch_of(a)->base);
}

static const struct url_attempt_kind lookup_request = {
    .is_lookup = true,
    .is_repeatable = true,
    .is_key_limited = true,
    .status_text = "the backend answered with status",
    .too_large = "the answer is larger than max_response",
    .send = send,
    .find_target = find_target,
    .answered = on_answered,
    .missed = on_missed,
    .failed = on_failed,
    .may_wait = may_wait,
    .queued = on_queued,
    .call_ended = on_call_ended,
};

void url_lookup_start(struct fetch *fetch)
{
    struct url_fetch *f = CONTAINER_OF(fetch, struct url_fetch, base);
    struct url_table *t = url_table_of(fetch->table);

    if (!url_question_can_hold(t, &fetch->key)) {
        fetch_note(fetch, "post", SPAN("none: the key is not UTF-8"));
        fetch_finish(fetch, &(struct reply){.status = REPLY_MISS});
        return;
    }
    if (fetch->notes != NULL)
        url_explain_backends(fetch, &t->backends);
    url_attempt_init(&f->attempt, &lookup_request, t, fetch->deadline_at_ms);
    url_attempt_start(&f->attempt, &fetch->key);
}

void url_lookup_cancel(struct fetch *fetch)
{
    url_attempt_close(&CONTAINER_OF(fetch, struct url_fetch, base)->attempt);
}
