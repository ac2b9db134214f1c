/* http_service.c - what an HTTP backend answers, and what it makes of writes. */
#include "http_service.h"

#include "podop/json_value.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define JSON_TYPE "application/json"

static struct http_style style_of(struct http_connection *c)
{
    struct http_backend *b = c->backend;

    return (struct http_style){
        .is_chunked = sim_chance(&b->random, b->manner.chunked),
        .is_spaced = sim_chance(&b->random, b->manner.spaced),
        .closes = sim_chance(&b->random, b->manner.close) && sim_chance(&b->random, 0.5),
        .has_no_length = sim_chance(&b->random, b->manner.no_length) && !c->needs_length,
    };
}

void http_service_send(struct http_connection *c, const struct http_answer_parts *answer)
{
    struct http_backend *b = c->backend;
    const struct http_style style = style_of(c);

    http_answer(&c->out, answer->status, answer->type, answer->body, style, &b->random);
    c->has_no_length = style.has_no_length;
    c->cuts = !style.has_no_length && c->tls != NULL && sim_chance(&b->random, 0.3);
    c->closes = style.closes || style.has_no_length || sim_chance(&b->random, b->manner.close);
    c->closes_unsaid = c->closes && !style.closes && !style.has_no_length;
}

/* Lookups */

/* The answers that mean the service has no such key. */
static void answer_miss(struct http_answer_parts *answer, struct sim_random *random, bool is_strict)
{
    switch (sim_random(random, is_strict ? 4 : 6)) {
    case 0:
        *answer = (struct http_answer_parts){.status = 404, .type = JSON_TYPE, .body = SPAN("{}")};
        break;
    case 1: *answer = (struct http_answer_parts){.status = 204}; break;
    case 2:
        *answer =
            (struct http_answer_parts){.status = 200, .type = JSON_TYPE, .body = SPAN("null")};
        break;
    case 3:
        *answer = (struct http_answer_parts){.status = 410,
                                             .type = "application/problem+json; charset=utf-8"};
        break;
    case 4:
        *answer =
            (struct http_answer_parts){.status = 404, .type = "text/html", .body = SPAN("no")};
        break;
    default: *answer = (struct http_answer_parts){.status = 404}; break;
    }
}

static void answer_get(struct http_backend *b, const struct http_request *r,
                       const struct truth_key *key, struct http_answer_parts *answer)
{
    const struct truth_value *value = key == NULL ? NULL : truth_now(key);

    if (value == NULL) {
        answer_miss(answer, &b->random, r->table->is_strict);
        return;
    }
    *answer = (struct http_answer_parts){.status = 200, .type = JSON_TYPE};
    buf_init(&answer->text, BUF_LIMITED_BY_INPUT);
    if (sim_chance(&b->random, b->manner.spaced))
        buf_add(&answer->text, SPAN("\xef\xbb\xbf \n"));
    buf_add(&answer->text, (struct span){value->json, value->json_len});
    if (sim_chance(&b->random, b->manner.spaced))
        buf_add(&answer->text, SPAN("\r\n\t "));
    answer->body = (struct span){answer->text.ptr, answer->text.len};
}

struct rows {
    struct buf *out;
    size_t path_len;
    bool has_values;
};

static bool add_row(void *arg, const struct truth_key *key)
{
    struct rows *rows = arg;
    const struct truth_value *value = truth_now(key);
    const char *name = truth_name(key) + rows->path_len;

    if (rows->out->len > 1)
        buf_add(rows->out, SPAN(", "));
    json_add_string(rows->out, span_of(name));
    if (rows->has_values) {
        buf_add(rows->out, SPAN(": "));
        buf_add(rows->out, (struct span){value->json, value->json_len});
    }
    return true;
}

/* A list is an array of names, or an object with the values. */
static void answer_list(struct http_backend *b, struct http_request *r,
                        struct http_answer_parts *answer)
{
    struct rows rows = {&answer->text, r->key.len, sim_chance(&b->random, 0.5)};

    b->figures.lists++;
    *answer = (struct http_answer_parts){.status = 200, .type = JSON_TYPE};
    buf_init(&answer->text, BUF_LIMITED_BY_INPUT);
    buf_add_char(&answer->text, rows.has_values ? '{' : '[');
    truth_list(b->truth, buf_string(&r->key), true, add_row, &rows);
    buf_add_char(&answer->text, rows.has_values ? '}' : ']');
    answer->body = (struct span){answer->text.ptr, answer->text.len};
}

/* Writes */

static struct ledger_arrival arrival_of(const struct http_connection *c,
                                        const struct http_request *r, struct truth_key *key,
                                        enum ledger_kind kind, struct span value)
{
    return (struct ledger_arrival){.table = r->table,
                                   .key = key,
                                   .kind = kind,
                                   .value = value.ptr,
                                   .value_len = value.len,
                                   .number = r->number,
                                   .count = 1,
                                   .is_late = c->has_left};
}

static void set(struct truth_key *key, struct truth_value *value)
{
    if (value == NULL)
        sim_broken("a value that is not JSON", "%s", truth_name(key));
    truth_put(key, value, sim_now());
    truth_value_unref(&value);
}

static void increment(struct truth_key *key, struct span by)
{
    char text[24];
    int64_t number = 0;

    (void)truth_number(key, &number);
    number += strtoll(by.ptr, NULL, 10);
    set(key, truth_value_new(text, (size_t)snprintf(text, sizeof(text), "%" PRId64, number)));
}

static void change(struct truth_key *key, enum ledger_kind kind, struct span value)
{
    switch (kind) {
    case LEDGER_SET: set(key, truth_value_new(value.ptr, value.len)); break;
    case LEDGER_UNSET: truth_put(key, NULL, sim_now()); break;
    case LEDGER_INC: increment(key, value); break;
    }
}

/* Makes a change, or what fate says. Returns the status of a good answer. */
static unsigned make(struct http_connection *c, const struct ledger_arrival *arrival,
                     enum ledger_made fate)
{
    const bool is_there = truth_now(arrival->key) != NULL;
    const bool is_made =
        fate == LEDGER_MADE || fate == LEDGER_MADE_LATE || fate == LEDGER_MADE_UNSAID;

    if (is_made && arrival->kind == LEDGER_INC && !is_there)
        fate = LEDGER_NO_KEY;
    else if (is_made)
        change(arrival->key, arrival->kind, (struct span){arrival->value, arrival->value_len});
    ledger_arrived(c->backend->ledger, arrival, fate, sim_now());
    return fate == LEDGER_NO_KEY || (arrival->kind == LEDGER_UNSET && !is_there) ? 404 : 204;
}

/* Returns the number of {"inc": N}, or the body of a set. */
static struct span value_of(const struct http_request *r, enum ledger_kind kind)
{
    struct json_cursor cursor;
    struct span name, value = r->body;

    if (kind != LEDGER_INC)
        return r->body;
    cursor = json_walk(r->body);
    if (!json_next(&cursor, &name, &value))
        sim_broken("an increment without a number", "%.*s", (int)r->body.len, r->body.ptr);
    return value;
}

static unsigned write_one(struct http_connection *c, struct http_request *r, enum ledger_made fate)
{
    static const enum ledger_kind kinds[] = {
        [HTTP_SET] = LEDGER_SET, [HTTP_UNSET] = LEDGER_UNSET, [HTTP_INC] = LEDGER_INC};
    const enum ledger_kind kind = kinds[r->verb];
    struct truth_key *key = truth_add(c->backend->truth, r->key.ptr, r->key.len);
    const struct ledger_arrival arrival = arrival_of(c, r, key, kind, value_of(r, kind));

    c->backend->figures.writes++;
    return make(c, &arrival, fate);
}

enum { CHANGES_KNOWN = 8 }; /* of a transaction */

/* Which keys are there, after some changes of a transaction. */
struct presence {
    struct {
        const struct truth_key *key;
        bool is_there;
    } changed[CHANGES_KNOWN];
    size_t count;
};

static bool is_there(const struct presence *p, const struct truth_key *key)
{
    for (size_t i = p->count; i > 0; i--) {
        if (p->changed[i - 1].key == key)
            return p->changed[i - 1].is_there;
    }
    return truth_now(key) != NULL;
}

/* Returns whether each key to be incremented is there, after the changes before it. */
static bool can_commit(struct http_connection *c, struct http_request *r)
{
    struct presence presence = {.count = 0};
    struct http_changes changes;
    enum ledger_kind kind;
    struct span value;
    bool is_good = true;

    http_changes_init(&changes, r);
    while (presence.count < CHANGES_KNOWN && http_changes_next(&changes, &kind, &value)) {
        struct truth_key *key = truth_add(c->backend->truth, changes.key.ptr, changes.key.len);

        if (kind == LEDGER_INC && !is_there(&presence, key))
            is_good = false;
        presence.changed[presence.count].key = key;
        presence.changed[presence.count++].is_there = kind != LEDGER_UNSET;
    }
    http_changes_deinit(&changes);
    return is_good;
}

static unsigned write_all(struct http_connection *c, struct http_request *r, enum ledger_made fate)
{
    const bool is_made =
        fate == LEDGER_MADE || fate == LEDGER_MADE_LATE || fate == LEDGER_MADE_UNSAID;
    const bool is_good = !is_made || can_commit(c, r);
    struct http_changes changes;
    enum ledger_kind kind;
    struct span value;

    c->backend->figures.commits++;
    http_changes_init(&changes, r);
    while (http_changes_next(&changes, &kind, &value)) {
        struct truth_key *key = truth_add(c->backend->truth, changes.key.ptr, changes.key.len);
        const struct ledger_arrival arrival = arrival_of(c, r, key, kind, value);

        (void)make(c, &arrival, is_good ? fate : LEDGER_NO_KEY);
    }
    http_changes_deinit(&changes);
    return is_good ? 204 : 404;
}

bool http_service_is_write(const struct http_request *r)
{
    return r->verb != HTTP_GET && r->verb != HTTP_LIST;
}

static void answer_write(struct http_connection *c, struct http_request *r, enum ledger_made fate,
                         struct http_answer_parts *answer)
{
    const unsigned status = r->verb == HTTP_COMMIT ? write_all(c, r, fate) : write_one(c, r, fate);

    *answer = (struct http_answer_parts){.status = status};
    if (status == 404) {
        answer->type = JSON_TYPE;
        answer->body = SPAN("{\"error\": \"no such key\"}");
    } else if (sim_chance(&c->backend->random, 0.3)) {
        *answer =
            (struct http_answer_parts){.status = 200, .type = JSON_TYPE, .body = SPAN("true")};
    }
}

void http_service_answer(struct http_connection *c, struct http_request *r, enum ledger_made fate)
{
    struct http_answer_parts answer;

    buf_init(&answer.text, BUF_LIMITED_BY_INPUT);
    if (http_service_is_write(r)) {
        answer_write(c, r, fate, &answer);
    } else if (r->verb == HTTP_LIST) {
        answer_list(c->backend, r, &answer);
    } else {
        c->backend->figures.gets++;
        answer_get(c->backend, r, truth_find(c->backend->truth, r->key.ptr, r->key.len), &answer);
    }
    http_service_send(c, &answer);
    buf_deinit(&answer.text);
}
