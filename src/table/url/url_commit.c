#include "url_commit.h"

#include "url_error.h"
#include "url_request.h"

#include "podop/encoding.h"
#include "podop/json_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char key_without_url[] = "a key that has no valid URL cannot be written";

static struct url_commit *url_commit_of(struct url_attempt *a)
{
    return CONTAINER_OF(a, struct url_commit, attempt);
}

/* The number of changes in the request that is under way. */
static size_t request_changes(const struct url_commit *c)
{
    return c->attempt.table->backends.has_commit ? c->base.transaction->count : 1;
}

bool url_commit_is_read_only(struct table *table)
{
    const struct url_table *t = url_table_of(table);

    return t->is_post && !t->backends.has_commit;
}

const char *url_commit_change_fault(struct table *table, const struct change *change)
{
    const struct url_table *t = url_table_of(table);

    if (url_commit_is_read_only(table))
        return "a table with lookup = \"post\" cannot be written to without commit_url";
    for (size_t i = 0; i < t->backends.count; i++) {
        char *target;
        bool is_good =
            url_request_target(t, &t->backends.items[i], &change->key, &target) == URL_TARGET_OK;

        free(target);
        if (!is_good)
            return key_without_url;
    }
    if (t->backends.has_commit &&
        !(span_is_utf8(change->key.key) && span_is_utf8(change->key.user)))
        return "a key that is not valid UTF-8 cannot be written";
    return NULL;
}

/* The bodies of requests */

static void add_value(struct buf *out, enum value_form form, struct span value)
{
    struct error ignored;

    if (form == VALUE_AUTO && json_check(value, &ignored) == 0)
        buf_add(out, value);
    else
        json_add_string(out, value);
}

static void add_number(struct buf *out, int64_t n)
{
    char digits[24];

    buf_add(out, (struct span){digits, (size_t)snprintf(digits, sizeof(digits), "%" PRId64, n)});
}

/* Adds the key as a lookup spells it: KEY or KEY/USER. Returns false when it is not UTF-8. */
static bool add_key(struct buf *out, const struct table_key *key)
{
    struct buf text;
    bool is_text;

    buf_init(&text, BUF_LIMITED_BY_INPUT);
    buf_add(&text, key->key);
    if (key->is_private) {
        buf_add_char(&text, '/');
        buf_add(&text, key->user);
    }
    is_text = span_is_utf8(buf_span(&text));
    if (is_text)
        json_add_string(out, buf_span(&text));
    buf_deinit(&text);
    return is_text;
}

static bool add_operation(struct buf *out, enum value_form form, const struct change *change)
{
    static const char *const names[] = {
        [CHANGE_SET] = "set", [CHANGE_UNSET] = "unset", [CHANGE_INCREMENT] = "inc"};

    buf_add(out, SPAN("{\"op\": \""));
    buf_add(out, span_of(names[change->kind]));
    buf_add(out, SPAN("\", \"key\": "));
    if (!add_key(out, &change->key))
        return false;
    if (change->kind != CHANGE_UNSET)
        buf_add(out, SPAN(", \"value\": "));
    if (change->kind == CHANGE_SET)
        add_value(out, form, change->value);
    else if (change->kind == CHANGE_INCREMENT)
        add_number(out, change->increment);
    buf_add_char(out, '}');
    return true;
}

static bool add_transaction(struct buf *out, enum value_form form, const struct transaction *t)
{
    buf_add(out, SPAN("{\"user\": "));
    if (!span_is_utf8(span_of(t->user)))
        return false;
    json_add_string(out, span_of(t->user));
    buf_add(out, SPAN(", \"ops\": ["));
    for (size_t i = 0; i < t->count; i++) {
        if (i > 0)
            buf_add(out, SPAN(", "));
        if (!add_operation(out, form, &t->changes[i]))
            return false;
    }
    buf_add(out, SPAN("]}"));
    return true;
}

/* Sending */

static void send_to(struct url_commit *c, const char *method, const char *target, struct span body,
                    const struct table_key *key)
{
    const struct transaction *t = c->base.transaction;
    char expire[64], timestamp[64];
    struct buf user;
    struct http_request request = {.method = method,
                                   .target = target,
                                   .body = body,
                                   .reads_answer = c->attempt.table->error != NULL};
    const char **header = request.headers;

    *header = url_request_user_header(key, &user);
    if (*header != NULL)
        header++;
    if (t->expire_s != 0) {
        snprintf(expire, sizeof(expire), "Podop-Expire: %" PRIu64, t->expire_s);
        *header++ = expire;
    }
    if (t->has_timestamp) {
        snprintf(timestamp, sizeof(timestamp), "Podop-Timestamp: %" PRId64 ".%09" PRIu32,
                 t->timestamp_s, t->timestamp_ns);
        *header++ = timestamp;
    }
    url_attempt_send(&c->attempt, &request);
    buf_deinit(&user);
}

static void add_body(struct buf *out, enum value_form form, const struct change *change)
{
    if (change->kind == CHANGE_SET) {
        add_value(out, form, change->value);
    } else if (change->kind == CHANGE_INCREMENT) {
        buf_add(out, SPAN("{\"inc\": "));
        add_number(out, change->increment);
        buf_add_char(out, '}');
    }
}

static void send_change(struct url_commit *c, const struct change *change)
{
    static const char *const methods[] = {
        [CHANGE_SET] = "POST", [CHANGE_UNSET] = "DELETE", [CHANGE_INCREMENT] = "PATCH"};
    struct url_table *t = c->attempt.table;
    struct buf body;
    char *target;

    if (url_request_target(t, url_attempt_backend(&c->attempt), &change->key, &target) !=
        URL_TARGET_OK) {
        url_attempt_fail(&c->attempt, REPLY_PERMANENT, key_without_url);
        return;
    }
    buf_init(&body, BUF_LIMITED_BY_INPUT);
    add_body(&body, t->value, change);
    send_to(c, methods[change->kind], target, buf_span(&body), &change->key);
    buf_deinit(&body);
    free(target);
}

static void send_whole(struct url_commit *c)
{
    struct url_table *t = c->attempt.table;
    const struct table_key none = {.key = SPAN("")};
    const struct table_key of_user = {.user = span_of(c->base.transaction->user),
                                      .is_private = true};
    struct buf body;
    char *target = NULL;

    buf_init(&body, BUF_LIMITED_BY_INPUT);
    if (!add_transaction(&body, t->value, c->base.transaction))
        url_attempt_fail(&c->attempt, REPLY_PERMANENT,
                         "a key or user that is not valid UTF-8 cannot be written");
    else if (url_request_path_target(t, url_attempt_backend(&c->attempt), &of_user, &target) !=
             URL_TARGET_OK)
        url_attempt_fail(&c->attempt, REPLY_PERMANENT, "a user that has no valid URL cannot write");
    else
        send_to(c, "POST", target, buf_span(&body), &none);
    buf_deinit(&body);
    free(target);
}

static void send(struct url_attempt *a)
{
    struct url_commit *c = url_commit_of(a);

    if (a->table->backends.has_commit)
        send_whole(c);
    else
        send_change(c, &c->base.transaction->changes[c->next]);
}

/* The end of a request */

static void finish(struct url_commit *c)
{
    url_attempt_close(&c->attempt);
    commit_finish(&c->base, &(struct reply){.status = c->has_missed ? REPLY_MISS : REPLY_FOUND,
                                            .http_status = c->attempt.http_status});
}

/* Notes that the backend may have received the changes of this request. */
static void note_sent(struct url_commit *c)
{
    c->base.changes_sent = c->next + request_changes(c);
}

static void on_failed(struct url_attempt *a, enum reply_status status, const char *why)
{
    struct url_commit *c = url_commit_of(a);
    char text[TABLE_REASON_BYTES];

    if (status == REPLY_UNCERTAIN)
        note_sent(c);
    url_attempt_close(a);
    commit_finish(&c->base, &(struct reply){.status = status,
                                            .reason = table_reason(c->base.table, text, "%s", why),
                                            .http_status = a->http_status});
}

static void make_next(struct url_commit *c)
{
    const struct transaction *t = c->base.transaction;

    if (c->next == t->count)
        finish(c);
    else
        url_attempt_start(&c->attempt, &t->changes[c->next].key);
}

static bool has_kind(const struct url_commit *c, enum change_kind kind)
{
    const struct change *changes = c->base.transaction->changes;

    for (size_t i = c->next; i < c->next + request_changes(c); i++) {
        if (changes[i].kind == kind)
            return true;
    }
    return false;
}

/* Returns whether a 404 ends the request well. An increment of a key that does not exist is
 * reported at the end; a key that does not exist need not be removed. */
static bool is_done_by_miss(struct url_commit *c)
{
    if (has_kind(c, CHANGE_INCREMENT)) {
        c->has_missed = true;
        return true;
    }
    return has_kind(c, CHANGE_UNSET) && !c->attempt.table->backends.has_commit;
}

/* Returns whether the status may come from a proxy whose backend made the write before it failed.
 */
static bool is_uncertain(unsigned status)
{
    return status == 502 || status == 503 || status == 504;
}

/* Returns whether the body of an answer of success, if it is JSON, tells of a failure. */
static bool tells_failure(const struct url_table *t, struct span body, char why[URL_ERROR_BYTES])
{
    struct error ignored;

    body = encoding_skip_mark(body);
    return t->error != NULL && json_check(body, &ignored) == 0 &&
           url_error_find(t->error, body, why);
}

/* Reports the status to the route, and returns whether the request has succeeded. */
static bool report_status(struct url_commit *c, const struct http_answer *answer, const char *why)
{
    struct url_table *t = c->attempt.table;
    const bool is_success = answer->status >= 200 && answer->status < 300;

    url_status_log_odd(&t->statuses, answer, false, t->base.env.log, t->base.name);
    c->base.is_refused = url_status_is_miss(&t->statuses, answer);
    if (url_status_is_failure(&t->statuses, answer))
        url_attempt_failure(&c->attempt, why);
    else if (is_success || c->base.is_refused)
        url_attempt_success(&c->attempt);
    else
        url_attempt_bad_response(&c->attempt, why);
    return is_success;
}

static void on_answered(struct url_attempt *a, const struct http_answer *answer)
{
    const struct url_statuses *statuses = &a->table->statuses;
    struct url_commit *c = url_commit_of(a);
    char why[URL_STATUS_REASON_BYTES], failure[URL_ERROR_BYTES];

    url_status_print_reason(statuses, answer, a->kind->status_text, why);
    note_sent(c);
    if (answer->status / 100 == 2 && tells_failure(a->table, answer->body, failure)) {
        c->base.is_refused = false;
        url_attempt_fail_bad(a, REPLY_TEMPORARY, failure);
    } else if (report_status(c, answer, why) ||
               (url_status_is_own_404(statuses, answer) && is_done_by_miss(c))) {
        c->next += request_changes(c);
        make_next(c);
    } else {
        url_attempt_fail(a, is_uncertain(answer->status) ? REPLY_UNCERTAIN : REPLY_TEMPORARY, why);
    }
}

static bool ignores_suspension(struct url_attempt *a)
{
    return url_commit_of(a)->base.ignores_suspension;
}

static const struct url_attempt_kind write_request = {
    .is_key_limited = true,
    .status_text = "the backend answered a write with status",
    .too_large = "the answer to a write is larger than max_response",
    .timed_out = "a write could not be sent within the table's timeout",
    .send = send,
    .answered = on_answered,
    .failed = on_failed,
    .ignores_suspension = ignores_suspension,
};

void url_commit_start(struct commit *commit)
{
    struct url_commit *c = CONTAINER_OF(commit, struct url_commit, base);

    url_attempt_init(&c->attempt, &write_request, url_table_of(commit->table),
                     commit->deadline_at_ms);
    make_next(c);
}

void url_commit_abort(struct commit *commit)
{
    url_attempt_close(&CONTAINER_OF(commit, struct url_commit, base)->attempt);
}
