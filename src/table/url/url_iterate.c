/* url_iterate.c - what is below a path of an HTTP service. The answer is read as it comes, and no
 * faster than the rows leave; a name's value is asked for only when somebody wants it. */
#include "table/json_reply.h"
#include "url_table.h"

#include "podop/json_value.h"

#include <stdio.h>
#include <stdlib.h>

static struct url_iteration *url_iteration_of(struct table_iteration *it)
{
    return CONTAINER_OF(it, struct url_iteration, base);
}

static void fail(struct url_iteration *it, enum reply_status status, const char *why)
{
    char text[TABLE_REASON_BYTES];

    if (it->failure != NULL)
        return;
    url_route_give_up(&it->route);
    table_reason(it->base.table, text, "%s", why);
    it->failure = xstrdup(text);
    it->failure_status = status;
}

/* The end, when it has come. Not from within the call's own callback: it may be cancelled here. */
static void finish_if_over(struct url_iteration *it)
{
    struct reply reply = {.status = REPLY_FOUND, .http_status = it->http_status};

    if (it->is_list && it->is_read && it->rest.len == 0 && !it->is_enough &&
        it->items.phase != JSON_ITEMS_END)
        fail(it, REPLY_TEMPORARY, "the answer is no whole array of names or object");
    if (it->failure != NULL && !it->is_enough) {
        reply.status = it->failure_status;
        reply.reason = span_of(it->failure);
    } else if (!it->is_enough && (!it->is_read || it->rest.len > 0 || it->asked > 0)) {
        return;
    }
    iteration_finish(&it->base, &reply);
}

static void wake(struct url_iteration *it)
{
    ev_feed_event(it->base.table->env.loop, &it->base.ready, EV_CUSTOM);
}

static void add_row(struct url_iteration *it, struct span name, struct span value)
{
    if (!iteration_row(&it->base, name, value))
        it->is_enough = true;
}

static void take_value(struct url_iteration *it, struct span name, const struct reply *reply)
{
    if (reply->status == REPLY_FOUND) {
        add_row(it, name, reply->dict_value);
    } else if (reply->status != REPLY_MISS) { /* one that vanished meanwhile is left out */
        char why[400];

        snprintf(why, sizeof(why), "a value could not be had: %.*s",
                 reply->reason.len < 300 ? (int)reply->reason.len : 300, reply->reason.ptr);
        fail(it, reply->status, why);
    }
}

/* It has its value, and its place is free. */
static void end_row(struct url_row *row, const struct reply *reply)
{
    struct url_iteration *it = row->it;
    char *key = row->key;

    row->key = NULL;
    it->asked--;
    take_value(it, row->name, reply);
    free(key);
}

static bool is_long(const struct reply *reply)
{
    return reply->status == REPLY_FOUND && reply->dict_value.len > ITERATION_ROW_BYTES;
}

/* Long values that nobody reads are not kept: they are asked for again, one at a time. */
static void row_done(void *arg, const struct reply *reply)
{
    struct url_row *row = arg;
    struct url_iteration *it = row->it;

    row->op = NULL;
    if (is_long(reply) && it->base.is_paused) {
        it->put_off++;
        it->ahead_max = 1;
        return;
    }
    if (it->ahead_max < ITERATION_LOOKUPS_MAX)
        it->ahead_max += is_long(reply) ? 0 : 1;
    end_row(row, reply);
    wake(it);
}

static void ask_put_off(struct url_iteration *it)
{
    struct url_row *row = it->rows;
    struct table_key key = it->base.path;
    struct reply known;

    while (row->key == NULL || row->op != NULL)
        row++;
    key.key = (struct span){row->key, key.key.len + row->name.len};
    it->put_off--;
    row->op = table_lookup(it->base.table, &key, &known);
    if (row->op == NULL)
        end_row(row, &known);
    else
        table_op_wait(row->op, row_done, row);
}

/* One is asked for when none is under way. */
static void ask_all_put_off(struct url_iteration *it)
{
    while (it->put_off > 0 && it->put_off == it->asked && !it->base.is_paused &&
           it->failure == NULL && !it->is_enough)
        ask_put_off(it);
}

static void ask_value(struct url_iteration *it, struct span name)
{
    struct span path = it->base.path.key;
    struct table_key key = it->base.path;
    char *bytes = xmalloc(path.len + name.len + 1);
    struct reply known;
    struct table_op *op;
    struct url_row *row = it->rows;

    if (path.len > 0)
        memcpy(bytes, path.ptr, path.len);
    memcpy(bytes + path.len, name.ptr, name.len);
    key.key = (struct span){bytes, path.len + name.len};
    op = table_lookup(it->base.table, &key, &known);
    if (op == NULL) {
        take_value(it, name, &known);
        free(bytes);
        return;
    }
    while (row->key != NULL)
        row++;
    *row = (struct url_row){.it = it, .op = op, .key = bytes, .name = {bytes + path.len, name.len}};
    it->asked++;
    table_op_wait(op, row_done, row);
}

/* A name that iteration_row() would leave out is not worth a question. */
static bool is_wanted(const struct url_iteration *it, struct span name)
{
    return name.len > 0 && (it->base.options.recurse || !span_has_byte(name, '/'));
}

static void take_item(struct url_iteration *it, struct span name, struct span value)
{
    struct buf text, scratch;
    struct reply reply;

    buf_init(&text, SIZE_MAX);
    buf_init(&scratch, SIZE_MAX);
    json_add_text(&text, name);
    if (it->items.is_object) {
        json_reply(value, &scratch, &reply);
        if (reply.status == REPLY_FOUND)
            add_row(it, buf_span(&text), reply.dict_value);
    } else if (it->base.options.no_values || !is_wanted(it, buf_span(&text))) {
        add_row(it, buf_span(&text), SPAN(""));
    } else {
        ask_value(it, buf_span(&text));
    }
    buf_deinit(&text);
    buf_deinit(&scratch);
}

/* Takes items off the front of bytes while rows are wanted; returns how many bytes it used. */
static size_t read_items(struct url_iteration *it, struct span bytes, bool *is_blocked)
{
    size_t all = 0;

    while (it->failure == NULL && !it->is_enough) {
        struct error err = {0};
        struct span name, value;
        enum parse parsed;
        size_t used;

        if (it->base.is_paused || it->asked >= it->ahead_max) {
            *is_blocked = true;
            break;
        }
        parsed = json_items_next(&it->items, span_skip(bytes, all), &name, &value, &used, &err);
        if (parsed == PARSE_DONE)
            take_item(it, name, value);
        else if (parsed == PARSE_BAD)
            fail(it, REPLY_TEMPORARY, err.text);
        all += used;
        if (parsed != PARSE_DONE)
            break;
    }
    if (it->failure != NULL || it->is_enough) {
        *is_blocked = true;
        wake(it);
    }
    return all;
}

static bool is_null(struct span body)
{
    struct error ignored;

    return json_check(body, &ignored) == 0 && json_kind(body) == JSON_NULL;
}

static bool may_be_null(struct span bytes)
{
    size_t i = 0;

    while (i < bytes.len && strchr(" \t\r\n", bytes.ptr[i]) != NULL && bytes.ptr[i] != '\0')
        i++;
    return i == bytes.len || bytes.ptr[i] == 'n';
}

static size_t on_data(void *arg, struct span bytes, bool *is_blocked)
{
    struct url_iteration *it = arg;

    if (it->route.trial != BREAKER_NO_TRIAL)
        url_route_success(&it->route); /* the rest may take as long as the rows do */
    if (it->items.phase == JSON_ITEMS_START && may_be_null(bytes))
        return 0; /* it is looked at when it is whole */
    return read_items(it, bytes, is_blocked);
}

/* What had been read when the answer ended, and was not wanted at that moment. */
static void read_rest(struct url_iteration *it)
{
    bool is_blocked = false;
    size_t used;

    if (it->items.phase == JSON_ITEMS_START && is_null(buf_span(&it->rest))) {
        it->is_list = false;
        buf_clear(&it->rest);
        return;
    }
    used = read_items(it, buf_span(&it->rest), &is_blocked);
    buf_drop(&it->rest, used);
    if (!is_blocked) /* what is left is the beginning of an item */
        buf_clear(&it->rest);
}

static void start(struct url_iteration *it);

static void start_again(struct url_iteration *it)
{
    it->is_read = false;
    start(it);
}

/* Nothing that another URL could not tell as well has been read. */
static bool is_untouched(const struct url_iteration *it)
{
    return it->items.phase == JSON_ITEMS_START && table_now_ms(it->base.table) < it->deadline_at_ms;
}

static void on_waited(void *arg);

/* The URL that was asked failed: the next one is asked, or it fails with why. */
static void go_elsewhere(struct url_iteration *it, enum reply_status status, const char *why)
{
    if (is_untouched(it) && url_route_take(&it->route))
        start_again(it);
    else if (is_untouched(it) && url_route_wait(&it->route, it->deadline_at_ms, on_waited, it))
        it->is_read = false;
    else
        fail(it, status, why);
}

static void on_waited(void *arg)
{
    struct url_iteration *it = arg;

    go_elsewhere(it, REPLY_TEMPORARY, url_route_reason(&it->route));
    finish_if_over(it);
}

static void on_status(struct url_iteration *it, const struct http_answer *answer)
{
    struct url_table *t = url_table_of(it->base.table);
    char why[80];

    url_table_tell_status(t, answer->status, true);
    snprintf(why, sizeof(why), "the backend answered with status %u", answer->status);
    if (answer->status == 200) {
        url_route_success(&it->route);
        it->is_list = true;
        buf_add(&it->rest, answer->body);
        read_rest(it);
    } else if (url_table_is_miss(t, answer->status)) {
        url_route_success(&it->route);
    } else if (url_table_is_failure(t, answer->status)) {
        url_route_failure(&it->route, why);
        go_elsewhere(it, REPLY_TEMPORARY, why);
    } else {
        url_route_bad_response(&it->route, why);
        fail(it, REPLY_TEMPORARY, why);
    }
}

static void on_failed(struct url_iteration *it, const struct http_answer *answer)
{
    if (answer->was_resent && it->retries_left > 0)
        it->retries_left--;
    if (it->retries_left > 0 && !answer->is_own_fault && !answer->is_refused && is_untouched(it) &&
        url_route_may_ask(&it->route)) {
        it->retries_left--;
        it->is_retry = true;
        start_again(it);
        return;
    }
    url_route_no_response(&it->route, answer, answer->reason);
    go_elsewhere(it, REPLY_TEMPORARY, answer->reason);
}

static void on_timed_out(struct url_iteration *it, const struct http_answer *answer)
{
    static const char why[] = "no answer within the table's timeout, or this URL's share of it";

    url_route_no_response(&it->route, answer, why);
    go_elsewhere(it, REPLY_TIMEOUT, why);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    static const char too_large[] = "one entry is larger than max_response";
    struct url_iteration *it = arg;
    char text[URL_SUSPENDED_BYTES];

    it->call = NULL;
    it->has_arrived |= answer->may_have_arrived && answer->outcome != HTTP_ANSWERED;
    it->http_status = answer->status;
    it->is_read = true;
    switch (answer->outcome) {
    case HTTP_TOO_LARGE:
        url_route_bad_response(&it->route, too_large);
        fail(it, REPLY_TEMPORARY, too_large);
        break;
    case HTTP_TIMED_OUT: on_timed_out(it, answer); break;
    case HTTP_CROWDED:
        url_route_no_response(&it->route, answer, URL_CROWDED);
        go_elsewhere(it, REPLY_TEMPORARY, URL_CROWDED);
        break;
    case HTTP_UNWANTED:
        go_elsewhere(it, REPLY_TEMPORARY, url_route_suspended(&it->route, text));
        break;
    case HTTP_UNREAD: fail(it, REPLY_TIMEOUT, "the client does not read its rows"); break;
    case HTTP_FAILED: on_failed(it, answer); break;
    case HTTP_ANSWERED: on_status(it, answer); break;
    }
    if (it->is_read)
        finish_if_over(it);
}

static bool is_still_wanted(void *arg)
{
    const struct url_iteration *it = arg;

    return url_route_may_ask(&it->route);
}

static bool is_unread(void *arg)
{
    const struct url_iteration *it = arg;

    return it->base.is_paused;
}

static void start(struct url_iteration *it)
{
    struct url_table *t = url_table_of(it->base.table);
    const struct url_backend *backend = url_route_backend(&it->route);
    struct buf user;
    struct http_request request = {
        .deadline_at_ms = url_route_share(&it->route, it->deadline_at_ms),
        .headers = {url_table_user_header(&it->base.path, &user)},
        .data = on_data,
        .is_fresh = it->is_retry || it->has_arrived || it->route.trial != BREAKER_NO_TRIAL,
        .patience_ms = t->base.timeout_ms,
        .is_wanted = is_still_wanted,
        .is_unread = is_unread,
    };
    struct table_key path = it->base.path;
    char *target = NULL;

    it->is_retry = false;
    path.is_private = false; /* the user is in the header, and in {user}, but not behind the path */
    switch (url_table_target(t, backend, &path, &target)) {
    case URL_TARGET_OK:
        request.target = target;
        url_route_asked(&it->route);
        it->call = http_start(backend->site, &request, on_answer, it);
        break;
    case URL_TARGET_CLIMBS:
        it->is_read = true;
        if (url_table_is_nowhere(t, &it->route, &path))
            break;
        url_route_skip(&it->route);
        go_elsewhere(it, REPLY_TEMPORARY, URL_NO_PLACE);
        break;
    case URL_TARGET_LONG:
        it->is_read = true;
        fail(it, REPLY_PERMANENT, "the path is too long for a URL");
        break;
    }
    free(target);
    buf_deinit(&user);
}

static void start_first(struct url_iteration *it)
{
    struct url_table *t = url_table_of(it->base.table);
    char text[URL_SUSPENDED_BYTES];

    it->is_started = true;
    it->ahead_max = ITERATION_LOOKUPS_MAX;
    it->retries_left = t->retries;
    it->deadline_at_ms = table_now_ms(&t->base) + t->base.timeout_ms;
    buf_init(&it->rest, SIZE_MAX);
    url_route_init(&it->route, &t->backends, &it->base.path, false);
    if (url_route_take(&it->route)) {
        start(it);
    } else {
        it->is_read = true;
        fail(it, REPLY_TEMPORARY, url_route_suspended(&it->route, text));
    }
}

void url_table_go_on(struct table_iteration *base)
{
    struct url_iteration *it = url_iteration_of(base);

    ask_all_put_off(it);
    if (!it->is_started) {
        start_first(it);
    } else if (it->is_read && it->failure == NULL && it->rest.len > 0) {
        read_rest(it);
    } else if (it->call != NULL && it->failure == NULL && !it->is_enough) {
        http_go_on(it->call);
        return;
    }
    finish_if_over(it);
}

void url_table_stop(struct table_iteration *base)
{
    struct url_iteration *it = url_iteration_of(base);

    http_cancel(&it->call);
    url_route_close(&it->route);
    for (size_t i = 0; i < ITERATION_LOOKUPS_MAX; i++) {
        table_op_cancel(&it->rows[i].op);
        free(it->rows[i].key);
    }
    buf_deinit(&it->rest);
    free(it->failure);
}
