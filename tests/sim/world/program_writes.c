/* program_writes.c - the changes of a transaction, in a program. */
#include "program_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* One change, of a request or of its changes. */
struct change {
    struct truth_key *key;
    enum ledger_kind kind;
    struct buf value; /* as the ledger wants it: JSON of a set, a number of an increment */
};

/* All changes of a request. */
struct inspection {
    uint64_t number; /* of the transaction; 0: not given */
    size_t count;
    bool has_keys; /* those to be incremented are there */
};

static void change_init(struct change *change, const struct program *p, struct span object)
{
    const struct span op = program_member(object, "op");
    struct truth_value *value;
    struct buf text;

    change->key = program_store_key(p, object);
    change->kind = program_is_text(op, "set")     ? LEDGER_SET
                   : program_is_text(op, "unset") ? LEDGER_UNSET
                                                  : LEDGER_INC;
    buf_init(&change->value, BUF_LIMITED_BY_INPUT);
    if (change->kind == LEDGER_INC) {
        buf_add(&change->value, program_member(object, "by"));
        buf_add_char(&change->value, '\0');
    }
    if (change->kind != LEDGER_SET)
        return;
    buf_init(&text, BUF_LIMITED_BY_INPUT);
    json_add_text(&text, program_member(object, "value"));
    value = truth_value_text(text.ptr, text.len);
    buf_add(&change->value, (struct span){value->json, value->json_len + 1});
    change->value.len--;
    truth_value_unref(&value);
    buf_deinit(&text);
}

static void put(struct truth_key *key, struct truth_value *value)
{
    truth_put(key, value, sim_now());
    truth_value_unref(&value);
}

static void apply(const struct change *change)
{
    char text[24];
    int64_t number = 0;

    switch (change->kind) {
    case LEDGER_SET: put(change->key, truth_value_new(change->value.ptr, change->value.len)); break;
    case LEDGER_UNSET: truth_put(change->key, NULL, sim_now()); break;
    case LEDGER_INC:
        (void)truth_number(change->key, &number);
        number += strtoll(change->value.ptr, NULL, 10);
        put(change->key,
            truth_value_new(text, (size_t)snprintf(text, sizeof(text), "%" PRId64, number)));
        break;
    }
}

static uint64_t transaction_of(struct span object)
{
    const struct span timestamp = program_member(object, "timestamp");
    const char *point = timestamp.len == 0 ? NULL : memchr(timestamp.ptr, '.', timestamp.len);

    if (point == NULL)
        return 0;
    return program_number(span_skip(timestamp, (size_t)(point - timestamp.ptr) + 1));
}

static void make(struct program_request *r, const struct change *change,
                 const struct inspection *all, enum ledger_made fate)
{
    const struct ledger_arrival arrival = {.table = r->table,
                                           .key = change->key,
                                           .kind = change->kind,
                                           .value = change->value.ptr,
                                           .value_len = change->value.len,
                                           .number = all->number,
                                           .count = all->count};

    if (fate == LEDGER_MADE || fate == LEDGER_MADE_LATE || fate == LEDGER_MADE_UNSAID)
        apply(change);
    ledger_arrived(r->program->ledger, &arrival, fate, sim_now());
}

/* Returns whether the key is there after that many of the changes. */
static bool is_there_then(struct program_request *r, struct span line, size_t changes,
                          const struct truth_key *key)
{
    struct program_objects cursor = program_objects(line, r->changes);
    bool is_there = truth_now(key) != NULL;
    struct span object;

    while (changes-- > 0 && program_next(&cursor, &object)) {
        if (program_store_key(r->program, object) == key)
            is_there = !program_is_text(program_member(object, "op"), "unset");
    }
    return is_there;
}

static struct inspection inspect(struct program_request *r, struct span line)
{
    struct program_objects cursor = program_objects(line, r->changes);
    struct inspection all = {.has_keys = true};
    struct span object;

    for (; program_next(&cursor, &object); all.count++) {
        const uint64_t own = transaction_of(object);

        if (own != 0)
            all.number = own;
        if (program_is_text(program_member(object, "op"), "inc") &&
            !is_there_then(r, line, all.count, program_store_key(r->program, object)))
            all.has_keys = false;
    }
    return all;
}

const char *program_write(struct program_request *r, struct span line, enum ledger_made fate)
{
    struct program_objects cursor = program_objects(line, r->changes);
    struct span object;
    struct change change;
    bool was_there = true;
    const struct inspection all = inspect(r, line);

    if (!all.has_keys &&
        (fate == LEDGER_MADE || fate == LEDGER_MADE_LATE || fate == LEDGER_MADE_UNSAID))
        fate = LEDGER_NO_KEY;
    while (program_next(&cursor, &object)) {
        change_init(&change, r->program, object);
        was_there &= change.kind != LEDGER_UNSET || truth_now(change.key) != NULL;
        make(r, &change, &all, fate);
        buf_deinit(&change.value);
    }
    return !all.has_keys || (r->changes.len == 0 && !was_there) ? "miss" : "ok";
}
