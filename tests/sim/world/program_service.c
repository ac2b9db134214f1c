/* program_service.c - what a process of the program answers: podop-program(7). */
#include "program_state.h"

#include "podop/json_value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { EXIT_1 = 0x100 };

/* A request: the values are JSON, and part of the line; empty: not given. */
struct request {
    struct worker *worker;
    struct program *program;
    struct span id, op, changes, recurse, values;
    const struct scene_table *table;
    const struct truth_key *key; /* whose fault decides */
    struct buf answer;           /* the line */
};

/* One change, of a request or of its changes. */
struct change {
    struct truth_key *key;
    enum ledger_kind kind;
    struct buf value; /* as the ledger wants it: JSON of a set, a number of an increment */
};

/* The rows of an iteration that were not sent yet. */
struct iteration {
    struct list_node node;
    uint64_t id;
    struct buf path;
    bool is_deep, has_values;
    size_t next; /* key of the store */
};

static struct span member(struct span object, const char *name)
{
    struct json_cursor cursor = json_walk(object);
    struct span quoted, value;

    while (json_next(&cursor, &quoted, &value)) {
        if (quoted.len == strlen(name) + 2 && memcmp(quoted.ptr + 1, name, quoted.len - 2) == 0)
            return value;
    }
    return (struct span){0};
}

static bool is_text(struct span quoted, const char *text)
{
    return quoted.len == strlen(text) + 2 && memcmp(quoted.ptr + 1, text, quoted.len - 2) == 0;
}

static uint64_t number_of(struct span digits)
{
    uint64_t number = 0;

    for (size_t i = 0; i < digits.len && digits.ptr[i] >= '0' && digits.ptr[i] <= '9'; i++)
        number = number * 10 + (uint64_t)(digits.ptr[i] - '0');
    return number;
}

/* Returns the key in the store; a key of a user has the user after it. */
static struct truth_key *key_of(const struct program *p, struct span object)
{
    const struct span user = member(object, "user");
    struct truth_key *key;
    struct buf name;

    buf_init(&name, BUF_LIMITED_BY_INPUT);
    json_add_text(&name, member(object, "key"));
    if (user.len > 0) {
        buf_add_char(&name, '/');
        json_add_text(&name, user);
    }
    key = truth_add(p->truth, name.ptr, name.len);
    buf_deinit(&name);
    return key;
}

/* Answers */

__attribute__((format(printf, 2, 3))) static void add(struct buf *out, const char *format, ...)
{
    char text[200];
    va_list args;
    int len;

    va_start(args, format);
    len = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_add(out, (struct span){text, (size_t)len});
}

static void begin_answer(struct request *r, const char *status)
{
    const bool is_spaced = sim_chance(&r->program->random, r->program->manner.spaced);

    add(&r->answer, "{\"id\": %.*s,%s \"status\": \"%s\"", (int)r->id.len, r->id.ptr,
        is_spaced ? "   \"more or less\": [{}, 1e3, null],\t" : "", status);
}

static void end_answer(struct request *r)
{
    add(&r->answer, "}\n");
}

static void answer_status(struct request *r, const char *status, const char *reason)
{
    begin_answer(r, status);
    if (reason != NULL)
        add(&r->answer, ", \"reason\": \"%s\"", reason);
    end_answer(r);
}

static void answer_get(struct request *r)
{
    const struct truth_value *value = truth_now(r->key);

    r->program->figures.gets++;
    if (value == NULL) {
        answer_status(r, "miss", NULL);
        return;
    }
    begin_answer(r, "ok");
    add(&r->answer, ", \"value\": ");
    buf_add(&r->answer, (struct span){value->json, value->json_len});
    end_answer(r);
}

/* Lists */

static bool is_row(const struct iteration *i, const struct truth_key *key)
{
    const char *name = truth_name(key);
    const size_t len = truth_name_len(key);

    return truth_now(key) != NULL && len > i->path.len &&
           memcmp(name, i->path.ptr, i->path.len) == 0 &&
           (i->is_deep || memchr(name + i->path.len, '/', len - i->path.len) == NULL);
}

static void add_row(struct request *r, const struct iteration *i, const struct truth_key *key,
                    bool is_first)
{
    const struct truth_value *value = truth_now(key);

    add(&r->answer, is_first ? "[" : ", [");
    json_add_string(&r->answer, span_of(truth_name(key) + i->path.len));
    add(&r->answer, ", ");
    buf_add(&r->answer, i->has_values ? (struct span){value->json, value->json_len} : SPAN("null"));
    add(&r->answer, "]");
}

static void iteration_free(struct iteration *i)
{
    list_remove(&i->node);
    buf_deinit(&i->path);
    free(i);
}

/* Answers with some of the rows that are left; ends the iteration after the last. */
static void answer_rows(struct request *r, struct iteration *i)
{
    const size_t most = 1 + (size_t)sim_random(&r->program->random, 20);
    const size_t count = truth_count(r->program->truth);
    size_t rows = 0;

    begin_answer(r, "ok");
    add(&r->answer, ", \"rows\": [");
    for (; i->next < count && rows < most; i->next++) {
        const struct truth_key *key = truth_nth(r->program->truth, i->next);

        if (is_row(i, key))
            add_row(r, i, key, rows++ == 0);
    }
    add(&r->answer, "]");
    if (i->next < count)
        add(&r->answer, ", \"more\": true");
    end_answer(r);
    if (i->next >= count)
        iteration_free(i);
}

static struct iteration *find_iteration(const struct request *r)
{
    const struct list *iterations = &r->worker->iterations;

    for (struct list_node *node = list_first(iterations); node != NULL;
         node = list_next(iterations, node)) {
        struct iteration *i = CONTAINER_OF(node, struct iteration, node);

        if (i->id == number_of(r->id))
            return i;
    }
    return NULL;
}

static void begin_iteration(struct request *r, struct span line)
{
    struct iteration *i = xcalloc(1, sizeof(*i));

    r->program->figures.lists++;
    i->id = number_of(r->id);
    i->is_deep = *r->recurse.ptr == 't';
    i->has_values = *r->values.ptr == 't';
    buf_init(&i->path, BUF_LIMITED_BY_INPUT);
    json_add_text(&i->path, member(line, "key"));
    list_append(&r->worker->iterations, &i->node);
    answer_rows(r, i);
}

void program_forget(struct worker *w)
{
    struct list_node *node;

    while ((node = list_first(&w->iterations)) != NULL)
        iteration_free(CONTAINER_OF(node, struct iteration, node));
}

/* Writes */

static void change_init(struct change *change, const struct program *p, struct span object)
{
    const struct span op = member(object, "op");
    struct truth_value *value;
    struct buf text;

    change->key = key_of(p, object);
    change->kind = is_text(op, "set")     ? LEDGER_SET
                   : is_text(op, "unset") ? LEDGER_UNSET
                                          : LEDGER_INC;
    buf_init(&change->value, BUF_LIMITED_BY_INPUT);
    if (change->kind == LEDGER_INC) {
        buf_add(&change->value, member(object, "by"));
        buf_add_char(&change->value, '\0');
    }
    if (change->kind != LEDGER_SET)
        return;
    buf_init(&text, BUF_LIMITED_BY_INPUT);
    json_add_text(&text, member(object, "value"));
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
    const struct span timestamp = member(object, "timestamp");
    const char *point = timestamp.len == 0 ? NULL : memchr(timestamp.ptr, '.', timestamp.len);

    if (point == NULL)
        return 0;
    return number_of(span_skip(timestamp, (size_t)(point - timestamp.ptr) + 1));
}

static void make(struct request *r, const struct change *change, uint64_t number,
                 enum ledger_made fate)
{
    const struct ledger_arrival arrival = {.table = r->table,
                                           .key = change->key,
                                           .kind = change->kind,
                                           .value = change->value.ptr,
                                           .value_len = change->value.len,
                                           .number = number};

    if (fate == LEDGER_MADE || fate == LEDGER_MADE_UNSAID)
        apply(change);
    ledger_arrived(r->program->ledger, &arrival, fate, sim_now());
}

/* What the request changes: one object, or an array of them. */
struct object_cursor {
    struct json_cursor array;
    struct span one;
};

static struct object_cursor objects_of(struct span line, struct span changes)
{
    struct object_cursor cursor = {.one = changes.len == 0 ? line : (struct span){0}};

    if (changes.len > 0)
        cursor.array = json_walk(changes);
    return cursor;
}

static bool next_object(struct object_cursor *cursor, struct span *object)
{
    struct span name;

    if (cursor->array.rest.ptr != NULL)
        return json_next(&cursor->array, &name, object);
    *object = cursor->one;
    cursor->one = (struct span){0};
    return object->len > 0;
}

/* Returns the number of the transaction, and whether all its increments have a key. */
static uint64_t inspect(struct request *r, struct span line, bool *has_keys)
{
    struct object_cursor cursor = objects_of(line, r->changes);
    struct span object;
    uint64_t number = 0;

    *has_keys = true;
    while (next_object(&cursor, &object)) {
        const uint64_t own = transaction_of(object);

        if (own != 0)
            number = own;
        if (is_text(member(object, "op"), "inc") && truth_now(key_of(r->program, object)) == NULL)
            *has_keys = false;
    }
    return number;
}

/* Makes all changes or none. Returns the status of a right answer. */
static const char *write_all(struct request *r, struct span line, enum ledger_made fate)
{
    struct object_cursor cursor = objects_of(line, r->changes);
    struct span object;
    struct change change;
    bool has_keys, was_there = true;
    const uint64_t number = inspect(r, line, &has_keys);

    if (!has_keys && (fate == LEDGER_MADE || fate == LEDGER_MADE_UNSAID))
        fate = LEDGER_NO_KEY;
    while (next_object(&cursor, &object)) {
        change_init(&change, r->program, object);
        was_there &= change.kind != LEDGER_UNSET || truth_now(change.key) != NULL;
        make(r, &change, number, fate);
        buf_deinit(&change.value);
    }
    return !has_keys || (r->changes.len == 0 && !was_there) ? "miss" : "ok";
}

/* Requests */

static bool is_write(const struct request *r)
{
    return is_text(r->op, "set") || is_text(r->op, "unset") || is_text(r->op, "inc") ||
           is_text(r->op, "commit");
}

/* Fills answer with the right one. */
static void answer_right(struct request *r, struct span line, enum ledger_made fate)
{
    struct iteration *i;

    if (is_text(r->op, "get")) {
        answer_get(r);
    } else if (is_text(r->op, "iterate")) {
        begin_iteration(r, line);
    } else if (is_text(r->op, "more")) {
        i = find_iteration(r);
        if (i == NULL)
            sim_broken("more of no iteration", "%.*s", (int)line.len, line.ptr);
        answer_rows(r, i);
    } else {
        r->program->figures.writes++;
        answer_status(r, write_all(r, line, fate), NULL);
    }
}

static enum ledger_made fate_of(struct program *p, enum program_fault fault)
{
    switch (fault) {
    case PROGRAM_WELL: return LEDGER_MADE;
    case PROGRAM_TEMPORARY: return LEDGER_REFUSED;
    case PROGRAM_LATE: return LEDGER_MADE_UNSAID;
    case PROGRAM_UNCERTAIN:
    case PROGRAM_HANG:
    case PROGRAM_DIES:
    case PROGRAM_GARBAGE:
    case PROGRAM_STRANGER:
    case PROGRAM_FAULTS: break;
    }
    return sim_chance(&p->random, 0.5) ? LEDGER_MADE_UNSAID : LEDGER_IGNORED;
}

static int64_t latency(struct program *p)
{
    int64_t ns = p->manner.latency_ns;

    if (p->manner.jitter_ns > 0)
        ns += (int64_t)sim_random(&p->random, (uint64_t)p->manner.jitter_ns);
    if (sim_chance(&p->random, p->manner.reorder))
        ns += (int64_t)sim_random(&p->random, 5000000);
    return ns;
}

static void fail(struct request *r, const char *status)
{
    judge_harm(r->program->scene, r->key, JUDGE_HARM_STATUS);
    buf_clear(&r->answer);
    answer_status(r, status, "out of order");
    worker_answer(r->worker, (struct span){r->answer.ptr, r->answer.len}, latency(r->program),
                  NULL);
}

/* podop kills the process for it. */
static void offend(struct request *r, const char *text)
{
    judge_harm(r->program->scene, r->key, JUDGE_HARM_CUT);
    worker_write(r->worker, span_of(text));
}

static void misbehave(struct request *r, enum program_fault fault)
{
    const struct span answer = {r->answer.ptr, r->answer.len};
    struct sim_random *random = &r->program->random;

    switch (fault) {
    case PROGRAM_WELL: worker_answer(r->worker, answer, latency(r->program), NULL); break;
    case PROGRAM_TEMPORARY: fail(r, "temporary"); break;
    case PROGRAM_UNCERTAIN: fail(r, "uncertain"); break;
    case PROGRAM_HANG: worker_answer(r->worker, answer, INT64_MAX, r->key); break;
    case PROGRAM_LATE:
        worker_answer(r->worker, answer, 500000000 + (int64_t)sim_random(random, 8000000000),
                      r->key);
        break;
    case PROGRAM_DIES:
        judge_program_died(r->program->scene);
        worker_end(r->worker, sim_chance(random, 0.5) ? EXIT_1 : 9);
        break;
    case PROGRAM_GARBAGE: offend(r, "Traceback (most recent call last):\n"); break;
    case PROGRAM_STRANGER: offend(r, "{\"id\": 987654321987, \"status\": \"miss\"}\n"); break;
    case PROGRAM_FAULTS: break;
    }
}

/* Returns the key whose fault decides: of a commit, the first that has one. */
static const struct truth_key *faulty_key(struct request *r, struct span line,
                                          enum program_fault *fault)
{
    struct object_cursor cursor = objects_of(line, r->changes);
    const struct truth_key *key = NULL;
    struct span object;

    *fault = PROGRAM_WELL;
    while (*fault == PROGRAM_WELL && next_object(&cursor, &object)) {
        key = key_of(r->program, object);
        *fault = program_fault_of(r->program, key);
    }
    return key;
}

static void end_iteration(const struct request *r)
{
    struct iteration *i = find_iteration(r);

    if (i != NULL)
        iteration_free(i);
}

static void answer_request(struct request *r, struct span line)
{
    enum program_fault fault = PROGRAM_WELL;

    if (!is_text(r->op, "more"))
        r->key = faulty_key(r, line, &fault);
    r->program->figures.faults[fault]++;
    answer_right(r, line, fate_of(r->program, fault));
    misbehave(r, fault);
    if (sim_chance(&r->program->random, r->program->manner.log))
        (void)sim_process_log(r->worker->process, "a line for the log\n", 19);
}

void program_serve(struct worker *w, struct span line)
{
    const struct span table = member(line, "table");
    struct request r = {.worker = w,
                        .program = w->program,
                        .id = member(line, "id"),
                        .op = member(line, "op"),
                        .changes = member(line, "changes"),
                        .recurse = member(line, "recurse"),
                        .values = member(line, "values")};

    if (is_text(r.op, "cancel"))
        return;
    if (is_text(r.op, "stop")) {
        end_iteration(&r);
        return;
    }
    r.table = table.len < 2 ? NULL : judge_table(table.ptr + 1, table.len - 2);
    if (r.table == NULL || r.id.len == 0)
        sim_broken("a request that a program cannot understand", "%.*s", (int)line.len, line.ptr);
    buf_init(&r.answer, BUF_LIMITED_BY_INPUT);
    answer_request(&r, line);
    buf_deinit(&r.answer);
}
