#include "program_wire.h"

#include <inttypes.h>
#include <stdio.h>

bool program_wire_can_hold(const struct table_key *key)
{
    return span_is_utf8(key->key) && (!key->is_private || span_is_utf8(key->user));
}

static void add_number(struct buf *out, const char *name, int64_t n)
{
    char text[64];

    buf_add(out, (struct span){
                     text, (size_t)snprintf(text, sizeof(text), ", \"%s\": %" PRId64, name, n)});
}

static void add_text(struct buf *out, const char *name, struct span text)
{
    buf_add(out, SPAN(", \""));
    buf_add(out, span_of(name));
    buf_add(out, SPAN("\": "));
    json_add_string(out, text);
}

static void add_bool(struct buf *out, const char *name, bool is_true)
{
    buf_add(out, SPAN(", \""));
    buf_add(out, span_of(name));
    buf_add(out, is_true ? SPAN("\": true") : SPAN("\": false"));
}

static void begin(struct buf *out, uint64_t id, const char *op, const char *table)
{
    buf_add(out, SPAN("{\"id\": "));
    buf_add_uint(out, id);
    add_text(out, "op", span_of(op));
    add_text(out, "table", span_of(table));
}

static void add_key(struct buf *out, const struct table_key *key)
{
    add_text(out, "key", key->key);
    if (key->is_private) {
        add_text(out, "user", key->user);
        add_bool(out, "private", true);
    }
}

static void add_change(struct buf *out, const struct transaction *t, const struct change *change)
{
    add_key(out, &change->key);
    if (change->kind == CHANGE_INCREMENT)
        add_number(out, "by", change->increment);
    if (change->kind != CHANGE_SET)
        return;
    add_text(out, "value", change->value);
    if (t->expire_s != 0) {
        buf_add(out, SPAN(", \"expire\": "));
        buf_add_uint(out, t->expire_s);
    }
    if (t->has_timestamp) {
        char nanoseconds[16];

        add_number(out, "timestamp", t->timestamp_s);
        snprintf(nanoseconds, sizeof(nanoseconds), ".%09" PRIu32, t->timestamp_ns);
        if (t->timestamp_ns != 0)
            buf_add(out, span_of(nanoseconds));
    }
}

static const char *op_of(const struct change *change)
{
    static const char *const names[] = {
        [CHANGE_SET] = "set", [CHANGE_UNSET] = "unset", [CHANGE_INCREMENT] = "inc"};

    return names[change->kind];
}

void program_add_get(struct buf *out, uint64_t id, const char *table, const struct table_key *key)
{
    begin(out, id, "get", table);
    add_key(out, key);
    buf_add(out, SPAN("}\n"));
}

void program_add_commit(struct buf *out, uint64_t id, const char *table,
                        const struct transaction *t)
{
    if (t->count == 1) {
        begin(out, id, op_of(t->changes), table);
        add_change(out, t, t->changes);
        buf_add(out, SPAN("}\n"));
        return;
    }
    begin(out, id, "commit", table);
    buf_add(out, SPAN(", \"changes\": ["));
    for (size_t i = 0; i < t->count; i++) {
        buf_add(out, i == 0 ? SPAN("{\"op\": ") : SPAN(", {\"op\": "));
        json_add_string(out, span_of(op_of(&t->changes[i])));
        add_change(out, t, &t->changes[i]);
        buf_add_char(out, '}');
    }
    buf_add(out, SPAN("]}\n"));
}

void program_add_iterate(struct buf *out, uint64_t id, const char *table,
                         const struct table_key *path, const struct iterate_options *options)
{
    begin(out, id, "iterate", table);
    add_key(out, path);
    add_bool(out, "recurse", options->recurse);
    add_bool(out, "values", !options->no_values);
    buf_add(out, SPAN(", \"limit\": "));
    buf_add_uint(out, options->max_rows);
    buf_add(out, SPAN("}\n"));
}

void program_add_word(struct buf *out, uint64_t id, const char *table, const char *op)
{
    begin(out, id, op, table);
    buf_add(out, SPAN("}\n"));
}

/* Reads a positive integer in decimal digits. */
static bool parse_id(struct span text, uint64_t *id)
{
    *id = 0;
    if (text.len == 0 || text.len > 18 ||
        *text.ptr == '0') /* ids count from 1, and none is as long */
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '9')
            return false;
        *id = *id * 10 + (uint64_t)(text.ptr[i] - '0');
    }
    return true;
}

static bool parse_status(struct span text, enum program_status *status)
{
    static const char *const names[] = {
        [PROGRAM_OK] = "\"ok\"",
        [PROGRAM_MISS] = "\"miss\"",
        [PROGRAM_TEMPORARY] = "\"temporary\"",
        [PROGRAM_UNCERTAIN] = "\"uncertain\"",
        [PROGRAM_PERMANENT] = "\"permanent\"",
    };

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (span_equal(text, span_of(names[i]))) {
            *status = (enum program_status)i;
            return true;
        }
    }
    return false;
}

/* The members of an answer, as raw JSON. */
enum { ID, STATUS, VALUE, ROWS, REASON, MORE, MEMBERS };

static int find_members(struct span line, struct span found[MEMBERS], struct error *err)
{
    static const char *const names[MEMBERS] = {
        [ID] = "\"id\"",     [STATUS] = "\"status\"", [VALUE] = "\"value\"",
        [ROWS] = "\"rows\"", [REASON] = "\"reason\"", [MORE] = "\"more\"",
    };
    struct json_cursor cursor = json_walk(line);
    struct span name, value;

    while (json_next(&cursor, &name, &value)) {
        for (size_t i = 0; i < MEMBERS; i++) {
            if (!span_equal(name, span_of(names[i])))
                continue;
            if (found[i].ptr != NULL)
                return error_set(err, ERR_INPUT, "an answer with %s twice", names[i]);
            found[i] = value;
        }
    }
    return 0;
}

static bool is_kind(struct span value, enum json_kind kind)
{
    return value.ptr == NULL || json_kind(value) == kind;
}

int program_answer_parse(struct span line, struct program_answer *answer, struct error *err)
{
    struct span found[MEMBERS] = {{NULL, 0}};

    *answer = (struct program_answer){0};
    if (json_check(line, err) == -1)
        return error_prefix(err, "a line that is not JSON");
    if (json_kind(line) != JSON_OBJECT)
        return error_set(err, ERR_INPUT, "a line that is not a JSON object");
    if (find_members(line, found, err) == -1)
        return -1;
    if (!parse_id(found[ID], &answer->id))
        return error_set(err, ERR_INPUT, "an answer without a whole positive number as \"id\"");
    if (!parse_status(found[STATUS], &answer->status))
        return error_set(err, ERR_INPUT, "an answer without a known \"status\"");
    if (!is_kind(found[REASON], JSON_STRING))
        return error_set(err, ERR_INPUT, "an answer with a \"reason\" that is not a string");
    answer->value = found[VALUE];
    answer->rows = found[ROWS];
    answer->reason = found[REASON];
    answer->has_more = span_equal(found[MORE], SPAN("true"));
    if (found[MORE].ptr != NULL && !answer->has_more && !span_equal(found[MORE], SPAN("false")))
        return error_set(err, ERR_INPUT,
                         "an answer with a \"more\" that is neither true nor false");
    return 0;
}

int program_next_row(struct json_cursor *rows, struct span *name, struct span *value)
{
    struct json_cursor pair;
    struct span row, unnamed;

    if (!json_next(rows, &unnamed, &row))
        return 0;
    if (json_kind(row) != JSON_ARRAY)
        return -1;
    pair = json_walk(row);
    if (!json_next(&pair, &unnamed, name) || json_kind(*name) != JSON_STRING ||
        !json_next(&pair, &unnamed, value) || json_next(&pair, &unnamed, &row))
        return -1;
    return 1;
}
