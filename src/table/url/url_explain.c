#include "url_explain.h"

#include "table/fetch.h"
#include "url_places.h"

#include "podop/clock.h"
#include "podop/json_object.h"

#include <inttypes.h>

static const char *text_of_cause(const struct url_report *r)
{
    if (strcmp(r->cause, "unsent") == 0)
        return "it cannot be reached";
    return strcmp(r->cause, "unanswered") == 0 ? "it does not answer"
                                               : "it fails where another URL answers";
}

static void explain_suspended(const struct fetch *fetch, const struct url_report *r,
                              const char *where)
{
    if (r->left_ms > 0)
        fetch_format(fetch, "backend",
                     "%s suspended for %" PRIu64 " ms so far, next trial in %" PRIu64 " ms: %s",
                     where, r->suspended_ms, r->left_ms, text_of_cause(r));
    else
        fetch_format(fetch, "backend",
                     "%s suspended for %" PRIu64 " ms so far, the next request tries it: %s", where,
                     r->suspended_ms, text_of_cause(r));
}

static void explain_place(const struct fetch *fetch, const struct url_report *r, const char *where)
{
    if (r->is_suspended)
        explain_suspended(fetch, r, where);
    else
        fetch_format(fetch, "backend",
                     "%s not suspended, failures in a row: %u, requests under way: %" PRIu32, where,
                     r->failures_in_row, r->under_way);
    if (r->has_failed)
        fetch_format(fetch, "failure",
                     "%s failed %" PRIu64 " ms ago, %u in a row count towards suspension: %s",
                     where, r->failed_ms, r->counted, r->reason);
}

void url_explain_backends(const struct fetch *fetch, const struct url_backends *b)
{
    for (size_t at = 0; fetch->notes != NULL && at < url_places_end(b); at++) {
        const struct url_report r = url_backends_report(b, at);
        char text[URL_PLACE_TEXT_BYTES];

        if (!r.is_gone)
            explain_place(fetch, &r, url_places_print(b, at, text));
    }
}

static void explain_status(const struct fetch *fetch, const struct url_statuses *statuses,
                           const struct http_answer *answer)
{
    fetch_format(fetch, "status", "%u", answer->status);
    if (answer->content_type != NULL && answer->content_type[0] != '\0')
        fetch_note(fetch, "type", span_of(answer->content_type));
    if (answer->content_encoding != NULL && answer->content_encoding[0] != '\0')
        fetch_note(fetch, "encoding", span_of(answer->content_encoding));
    if (answer->location != NULL)
        fetch_note(fetch, "location", span_of(answer->location));
    if (answer->status != 200)
        fetch_note(fetch, "means", span_of(url_status_meaning(statuses, answer)));
}

void url_explain_answer(const struct fetch *fetch, const struct url_statuses *statuses,
                        const struct http_answer *answer, uint64_t asked_at_ms)
{
    static const char *const failures[] = {
        [HTTP_FAILED] = "failed",
        [HTTP_TIMED_OUT] = "timed out",
        [HTTP_TOO_LARGE] = "larger than max_response",
        [HTTP_UNREAD] = "the client did not read its rows",
        [HTTP_QUEUE_FULL] = "not sent: too many requests wait for a connection",
        [HTTP_UNWANTED] = "not sent: the URL was suspended meanwhile",
    };

    if (fetch->notes == NULL)
        return;
    if (answer->outcome == HTTP_ANSWERED || answer->outcome == HTTP_ENCODED)
        explain_status(fetch, statuses, answer);
    else
        fetch_format(fetch, "status", "%s%s%s", failures[answer->outcome],
                     answer->outcome == HTTP_FAILED ? ": " : "",
                     answer->outcome == HTTP_FAILED ? answer->reason : "");
    fetch_format(fetch, "ms", "%" PRIu64, clock_now_ms() - asked_at_ms);
    if (answer->outcome == HTTP_ANSWERED && answer->body.len > 0)
        fetch_note_cut(fetch, "body", answer->body, URL_EXPLAIN_BODY_BYTES_MAX);
}

static void add_place(const struct url_report *r, struct buf *out)
{
    char address[ENDPOINT_TEXT_BYTES];

    json_add_comma(out);
    buf_add_char(out, '{');
    json_add_member(out, "url", span_of(r->base));
    if (r->address != NULL)
        json_add_member(out, "address", span_of(endpoint_print(r->address, address)));
    json_add_number(out, "requests", r->requests);
    json_add_number(out, "failures", r->failures);
    json_add_number(out, "failures_in_row", r->failures_in_row);
    json_add_number(out, "counted", r->counted);
    json_add_flag(out, "left_alone", r->is_suspended);
    json_add_number(out, "left_alone_ms", r->left_ms);
    json_add_number(out, "in_flight", r->under_way);
    if (r->is_suspended) {
        json_add_member(out, "cause", span_of(r->cause));
        json_add_number(out, "since_ms", r->suspended_ms);
    }
    if (r->is_failing)
        json_add_number(out, "failing_ms", r->failing_ms);
    if (r->has_failed) {
        json_add_number(out, "failed_ms", r->failed_ms);
        json_add_member(out, "reason", span_of(r->reason));
    }
    buf_add_char(out, '}');
}

/* Returns the end of all places, with commit_url. */
static size_t end_of(const struct url_backends *b)
{
    return url_backends_commit(b) + (b->has_commit ? 1 : 0);
}

void url_explain_add_stats(struct table *table, struct buf *out)
{
    const struct url_backends *b = &url_table_of(table)->backends;

    json_add_name(out, "backends");
    buf_add_char(out, '[');
    for (size_t at = 0; at < end_of(b); at++) {
        const struct url_report r = url_backends_report(b, at);

        if (!r.is_gone)
            add_place(&r, out);
    }
    buf_add_char(out, ']');
}

static void log_place(const struct url_report *r, const char *table, struct log *log)
{
    char address[ENDPOINT_TEXT_BYTES] = "";

    if (r->address != NULL)
        endpoint_print(r->address, address);
    log_warning(log, "counters", LOG_STR("table", table), LOG_STR("backend", r->base),
                LOG_IF(r->address != NULL, LOG_STR("address", address)),
                LOG_UINT("in_flight", r->under_way), LOG_UINT("requests", r->requests),
                LOG_UINT("failures", r->failures), LOG_UINT("failures_in_row", r->failures_in_row),
                LOG_UINT("left_alone", r->is_suspended));
}

void url_explain_log_stats(struct table *table, struct log *log)
{
    const struct url_table *t = url_table_of(table);

    for (size_t at = 0; at < end_of(&t->backends); at++) {
        const struct url_report r = url_backends_report(&t->backends, at);

        if (!r.is_gone)
            log_place(&r, table->name, log);
    }
}
