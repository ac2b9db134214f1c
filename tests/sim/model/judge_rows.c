/* judge_rows.c - iterations: each row is there once, and no row is missing that was always there.
 */
#include "judge_state.h"
#include "keys.h"

#include "../kernel/kernel.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <string.h>

struct judge_rows {
    const struct scene_table *table;
    char *path;
    bool is_deep, has_values;
    int64_t sent_ns;
    const struct truth_key **seen;
    size_t count;
};

struct judge_rows *judge_rows_begin(const struct scene_table *table, const char *path, bool is_deep,
                                    bool has_values, int64_t sent_ns)
{
    struct judge_rows *rows = xcalloc(1, sizeof(*rows));

    rows->table = table;
    rows->path = xstrdup(path);
    rows->is_deep = is_deep;
    rows->has_values = has_values;
    rows->sent_ns = sent_ns;
    return rows;
}

static bool is_below(const struct judge_rows *rows, const char *name, size_t len)
{
    const size_t path_len = strlen(rows->path);

    return len > path_len && memcmp(name, rows->path, path_len) == 0 &&
           (rows->is_deep || memchr(name + path_len, '/', len - path_len) == NULL);
}

static bool is_seen(const struct judge_rows *rows, const struct truth_key *key)
{
    for (size_t i = 0; i < rows->count; i++) {
        if (rows->seen[i] == key)
            return true;
    }
    return false;
}

static bool is_value(const struct judge_rows *rows, struct truth_key *key, const char *value,
                     size_t len)
{
    const unsigned used = keys_used(rows->table, rows->sent_ns, sim_now());

    KEYS_EACH(rules, used)
    {
        const struct ledger_place place = {keys_normal(key, rules), rules};

        if (judge_allows(rows->table, place, TRUTH_DOVECOT, value, len, rows->sent_ns))
            return true;
    }
    return false;
}

void judge_row(struct judge_rows *rows, const char *name, size_t name_len, const char *value,
               size_t value_len)
{
    struct truth_key *key = truth_find(judge_store(rows->table), name, name_len);

    if (key == NULL || !is_below(rows, name, name_len))
        sim_broken("a row of another path", "%s %s: %.*s", rows->table->name, rows->path,
                   (int)name_len, name);
    if (is_seen(rows, key))
        sim_broken("a row twice", "%s: %.*s", rows->table->name, (int)name_len, name);
    if (!rows->has_values && value_len > 0)
        sim_broken("a row with a value that nobody asked for", "%s: %.*s", rows->table->name,
                   (int)name_len, name);
    if (rows->has_values && !is_value(rows, key, value, value_len))
        sim_broken("a row with a wrong value", "%s: %.*s = %.*s; %s", rows->table->name,
                   (int)name_len, name, (int)value_len, value, truth_describe(key));
    rows->seen = xreallocarray(rows->seen, rows->count + 1, sizeof(*rows->seen));
    rows->seen[rows->count++] = key;
}

/* Whether the row must be there: the key had a value all the time, also one that no cache and no
 * pending write can hide. */
static bool is_due(const struct judge_rows *rows, struct truth_key *key)
{
    const struct scene_table *table = rows->table;
    const int64_t age_ns = table->negative_ttl_most_ns + table->negative_ttl_most_ns / 10 +
                           table->timeout_most_ns + (table->type == SCENE_JSON ? 65000000000 : 0);

    return is_below(rows, truth_name(key), truth_name_len(key)) &&
           ledger_find(judge.ledger, table, key) == NULL &&
           !judge_was_as_miss(table, key, rows->sent_ns - age_ns) &&
           truth_always_had(key, TRUTH_DOVECOT, true, rows->sent_ns - age_ns, sim_now());
}

static void check_missing(const struct judge_rows *rows)
{
    const struct truth *store = judge_store(rows->table);

    for (size_t i = 0; i < truth_count(store); i++) {
        struct truth_key *key = truth_nth(store, i);

        if (is_due(rows, key) && !is_seen(rows, key))
            sim_broken("a row is missing", "%s %s: %s", rows->table->name, rows->path,
                       truth_describe(key));
    }
}

/* The values of an iteration are lookups, any of which may fail. */
static enum excuse_reason excuse_rows(const struct judge_rows *rows, const char *text,
                                      int64_t wait_most_ns)
{
    const struct truth *store = judge_store(rows->table);
    struct excuse_case failure = {.table = rows->table,
                                  .from_ns = rows->sent_ns,
                                  .to_ns = sim_now(),
                                  .wait_most_ns = wait_most_ns,
                                  .is_list = true,
                                  .reason = text,
                                  .reason_len = text == NULL ? 0 : strlen(text)};
    enum excuse_reason reason = excuse(&failure);

    for (size_t i = 0; reason == EXCUSE_NONE && i < truth_count(store); i++) {
        failure.key = truth_nth(store, i);
        if (strncmp(truth_name(failure.key), rows->path, strlen(rows->path)) == 0)
            reason = excuse(&failure);
    }
    return reason;
}

static void rows_free(struct judge_rows **prows)
{
    struct judge_rows *rows = *prows;

    *prows = NULL;
    free(rows->seen);
    free(rows->path);
    free(rows);
}

void judge_rows_end(struct judge_rows **prows, bool has_failed, const char *reason,
                    int64_t wait_most_ns)
{
    struct judge_rows *rows = *prows;
    enum excuse_reason why;

    judge.figures.iterations++;
    if (has_failed) {
        why = excuse_rows(rows, reason, wait_most_ns);
        judge.figures.excused[why]++;
        if (why == EXCUSE_NONE)
            sim_broken("an iteration failed, and nothing was wrong", "%s %s: %s, sent at %.6f",
                       rows->table->name, rows->path, reason == NULL ? "" : reason,
                       (double)rows->sent_ns / 1e9);
    } else {
        check_missing(rows);
    }
    rows_free(prows);
}

void judge_rows_left(struct judge_rows **rows)
{
    rows_free(rows);
}
