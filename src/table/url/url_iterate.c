#include "url_iterate.h"

#include "table/json_reply.h"
#include "table/lookup.h"
#include "url_error.h"
#include "url_request.h"

#include "podop/encoding.h"
#include "podop/json_value.h"

#include <stdio.h>
#include <stdlib.h>

static struct url_iteration *url_iteration_of(struct url_attempt *a)
{
    return CONTAINER_OF(a, struct url_iteration, attempt);
}

static void fail(struct url_iteration *it, enum reply_status status, const char *why)
{
    char text[TABLE_REASON_BYTES];

    if (it->failure != NULL)
        return;
    url_attempt_give_up(&it->attempt);
    table_reason(it->base.table, text, "%s", why);
    it->failure = xstrdup(text);
    it->failure_status = status;
}

/* Ends the iteration when everything has arrived. Must not be called from on_data(), as the call
 * may be cancelled here. */
static void finish_if_over(struct url_iteration *it)
{
    struct reply reply = {.status = REPLY_FOUND, .http_status = it->attempt.http_status};

    if (it->is_list && it->is_read && it->rest.len == 0 && !it->is_enough &&
        it->items.phase != JSON_ITEMS_END)
        fail(it, REPLY_TEMPORARY, "the answer is not a whole array of names or a whole object");
    if (it->failure != NULL && !it->is_enough) {
        reply.status = it->failure_status;
        reply.reason = span_of(it->failure);
    } else if (!it->is_enough && (!it->is_read || it->rest.len > 0 || it->waiting > 0)) {
        return;
    }
    iteration_finish(&it->base, &reply);
}

static void wake(struct url_iteration *it)
{
    iteration_wake(&it->base);
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
    } else if (reply->status != REPLY_MISS) { /* a name that was removed meanwhile is left out */
        char why[400];

        snprintf(why, sizeof(why), "a value could not be looked up: %.*s",
                 reply->reason.len < 300 ? (int)reply->reason.len : 300, reply->reason.ptr);
        fail(it, reply->status, why);
    }
}

/* Hands the row out and frees its place. */
static void end_row(struct url_row *row, const struct reply *reply)
{
    struct url_iteration *it = row->it;
    char *key = row->key;

    row->key = NULL;
    it->waiting--;
    take_value(it, row->name, reply);
    free(key);
}

static bool is_long(const struct reply *reply)
{
    return reply->status == REPLY_FOUND && reply->dict_value.len > ITERATION_ROW_BYTES;
}

/* Puts a long value off while rows are not read: it is looked up again later, one at a time. */
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

static void look_up_put_off(struct url_iteration *it)
{
    struct url_row *row = it->rows;
    struct table_key key = it->base.path;
    struct reply known;

    while (row->key == NULL || row->op != NULL)
        row++;
    key.key = (struct span){row->key, key.key.len + row->name.len};
    it->put_off--;
    row->op = lookup_key(it->base.table, &key, &known);
    if (row->op == NULL)
        end_row(row, &known);
    else
        table_op_wait(row->op, row_done, row);
}

/* Starts the next lookup that was put off when none is under way. */
static void look_up_all_put_off(struct url_iteration *it)
{
    while (it->put_off > 0 && it->put_off == it->waiting && !it->base.is_paused &&
           it->failure == NULL && !it->is_enough)
        look_up_put_off(it);
}

static void look_up_value(struct url_iteration *it, struct span name)
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
    op = lookup_key(it->base.table, &key, &known);
    if (op == NULL) {
        take_value(it, name, &known);
        free(bytes);
        return;
    }
    while (row->key != NULL)
        row++;
    *row = (struct url_row){.it = it, .op = op, .key = bytes, .name = {bytes + path.len, name.len}};
    it->waiting++;
    table_op_wait(op, row_done, row);
}

/* Returns whether iteration_row() would hand the name out, so that its value must be looked up. */
static bool is_wanted(const struct url_iteration *it, struct span name)
{
    return name.len > 0 && (it->base.options.recurse || !span_has_byte(name, '/'));
}

/* Returns whether a member is not a row, because the table's pointer to failures leads into it. A
 * failure there ends the iteration. */
static bool is_about_failure(struct url_iteration *it, struct span name, struct span value)
{
    const char *pointer = it->attempt.table->error;
    char why[URL_ERROR_BYTES];
    bool has_failed;

    if (pointer == NULL || !url_error_is_member(pointer, name, value, &has_failed, why))
        return false;
    if (has_failed)
        fail(it, REPLY_TEMPORARY, why);
    return true;
}

static void take_item(struct url_iteration *it, struct span name, struct span value)
{
    struct buf text, scratch;
    struct reply reply;

    if (it->items.is_object && is_about_failure(it, name, value))
        return;
    buf_init(&text, BUF_LIMITED_BY_INPUT);
    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    json_add_text(&text, name);
    if (it->items.is_object) {
        json_reply(value, &scratch, &reply);
        if (reply.status == REPLY_FOUND)
            add_row(it, buf_span(&text), reply.dict_value);
    } else if (it->base.options.no_values || !is_wanted(it, buf_span(&text))) {
        add_row(it, buf_span(&text), SPAN(""));
    } else {
        look_up_value(it, buf_span(&text));
    }
    buf_deinit(&text);
    buf_deinit(&scratch);
}

/* Takes items off the front of bytes while rows are wanted, and returns how many bytes were used.
 */
static size_t read_items(struct url_iteration *it, struct span bytes, bool *is_blocked)
{
    size_t all = 0;

    while (it->failure == NULL && !it->is_enough) {
        struct error err = {0};
        struct span name, value;
        enum parse parsed;
        size_t used;

        if (it->base.is_paused || it->waiting >= it->ahead_max) {
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

    body = encoding_skip_mark(body);
    return json_check(body, &ignored) == 0 && json_kind(body) == JSON_NULL;
}

static bool may_be_null(struct span bytes)
{
    size_t i = 0;

    bytes = encoding_skip_mark(bytes);
    while (i < bytes.len && strchr(" \t\r\n", bytes.ptr[i]) != NULL && bytes.ptr[i] != '\0')
        i++;
    return i == bytes.len || bytes.ptr[i] == 'n';
}

static size_t on_data(void *arg, struct span bytes, bool *is_blocked)
{
    struct url_iteration *it = url_iteration_of(arg);

    if (it->attempt.route.trial != BREAKER_NO_TRIAL)
        url_attempt_success(
            &it->attempt); /* not at the end, which comes late if rows are read slowly */
    if (it->items.phase == JSON_ITEMS_START && may_be_null(bytes))
        return 0; /* read when it is whole */
    return read_items(it, bytes, is_blocked);
}

/* Reads the bytes that were left when the answer ended, because no rows were wanted at that
 * moment. */
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

/* The attempt */

static void on_failed(struct url_attempt *a, enum reply_status status, const char *why)
{
    struct url_iteration *it = url_iteration_of(a);

    it->is_read = true;
    fail(it, status, why);
    finish_if_over(it);
}

static void on_missed(struct url_attempt *a)
{
    struct url_iteration *it = url_iteration_of(a);

    it->is_read = true;
    finish_if_over(it);
}

static void on_answered(struct url_attempt *a, const struct http_answer *answer)
{
    struct url_iteration *it = url_iteration_of(a);

    url_attempt_success(a);
    it->is_read = true;
    it->is_list = true;
    buf_add(&it->rest, answer->body);
    read_rest(it);
    finish_if_over(it);
}

/* Returns whether nothing has been read yet, so that another URL can answer as well. */
static bool is_untouched(struct url_attempt *a)
{
    struct url_iteration *it = url_iteration_of(a);

    return it->items.phase == JSON_ITEMS_START && table_now_ms(it->base.table) < a->deadline_at_ms;
}

static bool is_unread(void *arg)
{
    return url_iteration_of(arg)->base.is_paused;
}

static void send_to(struct url_iteration *it, const char *target)
{
    struct url_question question;
    struct http_request request = {
        .target = target,
        .patience_ms = it->base.table->timeout_ms,
    };

    url_question_init(&question, it->attempt.table, &it->base.path, &request);
    url_attempt_send(&it->attempt, &request);
    url_question_deinit(&question);
}

static enum url_target find_target(struct url_attempt *a, const struct url_backend *backend,
                                   char **target)
{
    return url_request_path_target(
        a->table, backend, &CONTAINER_OF(a, struct url_iteration, attempt)->base.path, target);
}

static void send(struct url_attempt *a)
{
    char *target;

    if (find_target(a, url_attempt_backend(a), &target) == URL_TARGET_OK)
        send_to(url_iteration_of(a), target);
    else
        url_attempt_skip(a);
    free(target);
}

static const struct url_attempt_kind iteration_request = {
    .is_repeatable = true,
    .status_text = "the backend answered with status",
    .too_large = "one entry is larger than max_response",
    .send = send,
    .find_target = find_target,
    .answered = on_answered,
    .missed = on_missed,
    .failed = on_failed,
    .may_ask_again = is_untouched,
    .data = on_data,
    .is_unread = is_unread,
};

static void start(struct url_iteration *it)
{
    struct url_table *t = url_table_of(it->base.table);

    it->is_started = true;
    it->ahead_max = ITERATION_LOOKUPS_MAX;
    buf_init(&it->rest, BUF_LIMITED_BY_INPUT);
    url_attempt_init(&it->attempt, &iteration_request, t,
                     table_deadline_at_ms(&t->base, it->base.options.deadline_at_ms));
    if (!url_question_can_hold(t, &it->base.path)) {
        on_missed(&it->attempt);
        return;
    }
    url_attempt_start(&it->attempt, &it->base.path);
}

void url_iterate_go_on(struct table_iteration *base)
{
    struct url_iteration *it = CONTAINER_OF(base, struct url_iteration, base);
    struct http_call *call = it->attempt.call;

    look_up_all_put_off(it);
    if (!it->is_started) {
        start(it);
        return; /* it may have ended */
    }
    if (it->is_read && it->failure == NULL && it->rest.len > 0) {
        read_rest(it);
    } else if (call != NULL && it->failure == NULL && !it->is_enough) {
        http_go_on(call);
        return;
    }
    finish_if_over(it);
}

void url_iterate_stop(struct table_iteration *base)
{
    struct url_iteration *it = CONTAINER_OF(base, struct url_iteration, base);

    if (it->is_started)
        url_attempt_close(&it->attempt);
    for (size_t i = 0; i < ITERATION_LOOKUPS_MAX; i++) {
        table_op_cancel(&it->rows[i].op);
        free(it->rows[i].key);
    }
    buf_deinit(&it->rest);
    free(it->failure);
}
