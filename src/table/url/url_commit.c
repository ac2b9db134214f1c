/* url_commit.c - writes to an HTTP service: each change a request, one after the other, or the
 * whole transaction as one. */
#include "url_table.h"

#include "podop/json_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static struct url_commit *url_commit_of(struct commit *commit)
{
    return CONTAINER_OF(commit, struct url_commit, base);
}

static void fail(struct url_commit *c, enum reply_status status, const char *why)
{
    char text[TABLE_REASON_BYTES];

    url_route_give_up(&c->route);
    url_route_close(&c->route);
    url_turn_end(&url_table_of(c->base.table)->turns, &c->turn);
    commit_finish(&c->base, &(struct reply){.status = status,
                                            .reason = table_reason(c->base.table, text, "%s", why),
                                            .http_status = c->http_status});
}

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

static void on_answer(void *arg, const struct http_answer *answer);

static bool is_wanted(void *arg)
{
    const struct url_commit *c = arg;

    return url_route_may_ask(&c->route);
}

static void send(struct url_commit *c, const char *method, const char *target, struct span body,
                 const struct table_key *key)
{
    const struct transaction *t = c->base.transaction;
    char expire[64], timestamp[64];
    struct buf user;
    struct http_request request = {
        .method = method,
        .target = target,
        .deadline_at_ms = c->deadline_at_ms,
        .body = body,
        .is_wanted = is_wanted,
    };
    const char **header = request.headers;

    *header = url_table_user_header(key, &user);
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
    url_route_asked(&c->route);
    c->call = http_start(url_route_backend(&c->route)->site, &request, on_answer, c);
    buf_deinit(&user);
}

const char *url_table_change_fault(struct table *table, const struct change *change)
{
    const struct url_table *t = url_table_of(table);

    for (size_t i = 0; i < t->backends.count; i++) {
        char *target;
        bool is_good =
            url_table_target(t, &t->backends.items[i], &change->key, &target) == URL_TARGET_OK;

        free(target);
        if (!is_good)
            return "a key that no URL can hold cannot be written";
    }
    if (t->backends.has_commit &&
        !(span_is_utf8(change->key.key) && span_is_utf8(change->key.user)))
        return "a key that is not valid UTF-8 cannot be written";
    return NULL;
}

static void send_change(struct url_commit *c, const struct change *change)
{
    static const char *const methods[] = {
        [CHANGE_SET] = "POST", [CHANGE_UNSET] = "DELETE", [CHANGE_INCREMENT] = "PATCH"};
    struct url_table *t = url_table_of(c->base.table);
    struct buf body;
    char *target;

    if (url_table_target(t, url_route_backend(&c->route), &change->key, &target) != URL_TARGET_OK) {
        fail(c, REPLY_PERMANENT, "a key that no URL can hold cannot be written");
        return;
    }
    buf_init(&body, SIZE_MAX);
    if (change->kind == CHANGE_SET) {
        add_value(&body, t->value, change->value);
    } else if (change->kind == CHANGE_INCREMENT) {
        buf_add(&body, SPAN("{\"inc\": "));
        add_number(&body, change->increment);
        buf_add_char(&body, '}');
    }
    send(c, methods[change->kind], target, buf_span(&body), &change->key);
    buf_deinit(&body);
    free(target);
}

/* As a lookup would spell it: KEY, or KEY/USER. false: it is no text. */
static bool add_key(struct buf *out, const struct table_key *key)
{
    struct buf text;
    bool is_text;

    buf_init(&text, SIZE_MAX);
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

static void send_whole(struct url_commit *c)
{
    struct url_table *t = url_table_of(c->base.table);
    const struct table_key key = {.user = span_of(c->base.transaction->user)};
    struct buf body, target;

    buf_init(&body, SIZE_MAX);
    buf_init(&target, TARGET_BYTES_MAX);
    if (!add_transaction(&body, t->value, c->base.transaction))
        fail(c, REPLY_PERMANENT, "a key or user that is not valid UTF-8 cannot be written");
    else if (url_template_expand(url_route_backend(&c->route)->template, &key, t->keep_slash,
                                 &target) != URL_TARGET_OK)
        fail(c, REPLY_PERMANENT, "a user that no URL can hold cannot write");
    else
        send(c, "POST", buf_string(&target), buf_span(&body), &key);
    buf_deinit(&body);
    buf_deinit(&target);
}

static void send_next(struct url_commit *c)
{
    const struct transaction *t = c->base.transaction;

    if (url_table_of(c->base.table)->backends.has_commit) {
        c->next = t->count;
        send_whole(c);
    } else {
        send_change(c, &t->changes[c->next++]);
    }
}

static void send_again(struct url_commit *c)
{
    c->next = url_table_of(c->base.table)->backends.has_commit ? 0 : c->next - 1;
    send_next(c);
}

static void on_waited(void *arg);

/* Nothing of the change was sent: another URL may have it, or it fails with why. */
static void send_elsewhere(struct url_commit *c, enum reply_status status, const char *why)
{
    if (table_now_ms(c->base.table) < c->deadline_at_ms && url_route_take(&c->route))
        send_again(c);
    else if (!url_route_wait(&c->route, c->deadline_at_ms, on_waited, c))
        fail(c, status, why);
}

static void on_waited(void *arg)
{
    struct url_commit *c = arg;

    c->route.ignores_suspension = c->base.ignores_suspension; /* podop stops meanwhile */
    send_elsewhere(c, REPLY_TEMPORARY, url_route_reason(&c->route));
}

static void finish(struct url_commit *c)
{
    url_route_close(&c->route);
    url_turn_end(&url_table_of(c->base.table)->turns, &c->turn);
    commit_finish(&c->base, &(struct reply){.status = c->has_missed ? REPLY_MISS : REPLY_FOUND,
                                            .http_status = c->http_status});
}

/* On the URL that it began with, unless that is suspended meanwhile. */
static void send_first(struct url_commit *c)
{
    char text[URL_SUSPENDED_BYTES];

    if (url_route_may_ask(&c->route) || url_route_take(&c->route))
        send_next(c);
    else
        fail(c, REPLY_TEMPORARY, url_route_suspended(&c->route, text));
}

static void on_turn(void *arg, bool is_late)
{
    struct url_commit *c = arg;

    c->is_late = url_table_is_late(c->base.table, c->deadline_at_ms);
    if (is_late)
        fail(c, REPLY_TIMEOUT, URL_KEY_CROWDED);
    else
        send_first(c);
}

static void make_next(struct url_commit *c)
{
    struct url_table *table = url_table_of(c->base.table);
    const struct transaction *t = c->base.transaction;

    url_turn_end(&table->turns, &c->turn);
    if (c->next == t->count) {
        finish(c);
        return;
    }
    url_route_set_key(&c->route, &t->changes[c->next].key);
    if (url_table_take_turn(table, &c->turn, &c->route))
        send_first(c);
    else
        url_turn_wait(&table->turns, &c->turn, c->deadline_at_ms, on_turn, c);
}

static bool has_kind(const struct url_commit *c, enum change_kind kind)
{
    const struct transaction *t = c->base.transaction;

    if (!url_table_of(c->base.table)->backends.has_commit)
        return t->changes[c->next - 1].kind == kind;
    for (size_t i = 0; i < t->count; i++) {
        if (t->changes[i].kind == kind)
            return true;
    }
    return false;
}

/* A proxy says these of a backend that may have made the write before it went. */
static bool is_uncertain(unsigned status)
{
    return status == 502 || status == 503 || status == 504;
}

static void judge(struct url_commit *c, unsigned status)
{
    const struct url_table *t = url_table_of(c->base.table);
    bool is_done = status >= 200 && status < 300;
    char why[80];

    c->base.is_refused = url_table_is_miss(t, status);
    url_table_tell_status(url_table_of(c->base.table), status, false);
    snprintf(why, sizeof(why), "the backend answered a write with status %u", status);
    if (url_table_is_failure(t, status))
        url_route_failure(&c->route, why);
    else if (is_done || url_table_is_miss(t, status))
        url_table_worked(url_table_of(c->base.table), &c->route);
    else
        url_route_bad_response(&c->route, why);
    if (status == 404 && has_kind(c, CHANGE_INCREMENT)) {
        c->has_missed = true;
        is_done = true;
    } else if (status == 404 && has_kind(c, CHANGE_UNSET) && !t->backends.has_commit) {
        is_done = true; /* what is not there need not be removed */
    }
    if (is_done)
        make_next(c);
    else
        fail(c, is_uncertain(status) ? REPLY_UNCERTAIN : REPLY_TEMPORARY, why);
}

static void on_unsent(struct url_commit *c, const struct http_answer *answer)
{
    static const char late[] = "a write could not be sent within the table's timeout";
    char text[URL_SUSPENDED_BYTES];

    switch (answer->outcome) {
    case HTTP_UNWANTED:
        send_elsewhere(c, REPLY_TEMPORARY, url_route_suspended(&c->route, text));
        return;
    case HTTP_CROWDED:
        url_route_no_response(&c->route, answer, URL_CROWDED);
        send_elsewhere(c, REPLY_TEMPORARY, URL_CROWDED);
        return;
    case HTTP_TIMED_OUT:
        url_table_unanswered(url_table_of(c->base.table), &c->route, answer, c->is_late, late);
        fail(c, REPLY_TIMEOUT, late);
        return;
    case HTTP_ANSWERED:
    case HTTP_TOO_LARGE:
    case HTTP_UNREAD:
    case HTTP_FAILED:
        url_route_no_response(&c->route, answer, answer->reason);
        send_elsewhere(c, REPLY_TEMPORARY, answer->reason);
        return;
    }
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    static const char unconfirmed[] = "the backend did not confirm a write";
    struct url_commit *c = arg;

    c->call = NULL;
    c->http_status = answer->status;
    if (answer->outcome == HTTP_ANSWERED || answer->may_have_arrived)
        c->base.changes_sent = c->next;
    if (answer->outcome == HTTP_ANSWERED) {
        judge(c, answer->status);
    } else if (answer->may_have_arrived) {
        url_table_unanswered(url_table_of(c->base.table), &c->route, answer, c->is_late,
                             unconfirmed);
        fail(c, REPLY_UNCERTAIN, unconfirmed);
    } else {
        on_unsent(c, answer);
    }
}

void url_table_commit(struct commit *commit)
{
    struct url_commit *c = url_commit_of(commit);
    struct url_backends *backends = &url_table_of(commit->table)->backends;

    c->deadline_at_ms = table_now_ms(commit->table) + commit->table->timeout_ms;
    if (backends->has_commit)
        url_route_init_commit(&c->route, backends, NULL);
    else
        url_route_init(&c->route, backends, NULL, false);
    c->route.ignores_suspension = commit->ignores_suspension;
    make_next(c);
}

void url_table_abort_commit(struct commit *commit)
{
    struct url_commit *c = url_commit_of(commit);

    http_cancel(&c->call);
    url_route_close(&c->route);
    url_turn_end(&url_table_of(commit->table)->turns, &c->turn);
}
