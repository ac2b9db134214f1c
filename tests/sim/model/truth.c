#include "truth.h"

#include "podop/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From then on the key had this value, until the next moment. */
struct moment {
    int64_t from_ns;
    struct truth_value *value;
};

struct truth_key {
    struct truth *truth;
    struct truth_key *next; /* of the same slot */
    uint64_t hash;
    size_t name_len;
    struct moment *moments; /* the oldest first */
    size_t begin, end, size;
    bool has_forgotten; /* moments before the first one */
    struct truth_key *aliases[TRUTH_ALIASES];
    char name[];
};

struct truth {
    char *name;
    int64_t keep_ns;
    struct truth_key **slots, **keys;
    size_t slot_count, key_count; /* slots: a power of two, at least as many as keys */
};

struct truth *truth_new(const char *name, int64_t keep_ns)
{
    struct truth *truth = xcalloc(1, sizeof(*truth));

    truth->name = xmemdup0(name, strlen(name));
    truth->keep_ns = keep_ns;
    truth->slot_count = 64;
    truth->slots = xcalloc(truth->slot_count, sizeof(*truth->slots));
    truth->keys = xcalloc(truth->slot_count, sizeof(*truth->keys));
    return truth;
}

static void key_free(struct truth_key *key)
{
    for (size_t i = key->begin; i < key->end; i++)
        truth_value_unref(&key->moments[i].value);
    free(key->moments);
    free(key);
}

void truth_free(struct truth **ptruth)
{
    struct truth *truth = *ptruth;

    if (truth == NULL)
        return;
    *ptruth = NULL;
    for (size_t i = 0; i < truth->key_count; i++)
        key_free(truth->keys[i]);
    free(truth->keys);
    free(truth->slots);
    free(truth->name);
    free(truth);
}

const char *truth_store_name(const struct truth *truth)
{
    return truth->name;
}

static uint64_t hash_of(const char *name, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u;

    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (unsigned char)name[i]) * 0x100000001b3u;
    return hash ^ (hash >> 29);
}

static struct truth_key *find(const struct truth *truth, const char *name, size_t len,
                              uint64_t hash)
{
    struct truth_key *key = truth->slots[hash & (truth->slot_count - 1)];

    while (key != NULL && (key->hash != hash || key->name_len != len ||
                           (len > 0 && memcmp(key->name, name, len) != 0)))
        key = key->next;
    return key;
}

struct truth_key *truth_find(const struct truth *truth, const char *name, size_t len)
{
    return find(truth, name, len, hash_of(name, len));
}

static void insert(struct truth *truth, struct truth_key *key)
{
    struct truth_key **slot = &truth->slots[key->hash & (truth->slot_count - 1)];

    key->next = *slot;
    *slot = key;
}

static void grow(struct truth *truth)
{
    truth->slot_count *= 2;
    truth->slots = xrealloc(truth->slots, truth->slot_count * sizeof(*truth->slots));
    truth->keys = xrealloc(truth->keys, truth->slot_count * sizeof(*truth->keys));
    memset(truth->slots, 0, truth->slot_count * sizeof(*truth->slots));
    for (size_t i = 0; i < truth->key_count; i++)
        insert(truth, truth->keys[i]);
}

struct truth_key *truth_add(struct truth *truth, const char *name, size_t len)
{
    const uint64_t hash = hash_of(name, len);
    struct truth_key *key = find(truth, name, len, hash);

    if (key != NULL)
        return key;
    if (truth->key_count == truth->slot_count)
        grow(truth);
    key = xcalloc(1, sizeof(*key) + len + 1);
    key->truth = truth;
    key->hash = hash;
    key->name_len = len;
    if (len > 0)
        memcpy(key->name, name, len);
    insert(truth, key);
    truth->keys[truth->key_count++] = key;
    return key;
}

size_t truth_count(const struct truth *truth)
{
    return truth->key_count;
}

struct truth_key *truth_nth(const struct truth *truth, size_t index)
{
    return truth->keys[index];
}

const char *truth_name(const struct truth_key *key)
{
    return key->name;
}

size_t truth_name_len(const struct truth_key *key)
{
    return key->name_len;
}

struct truth *truth_of(const struct truth_key *key)
{
    return key->truth;
}

struct truth_key *truth_alias(const struct truth_key *key, unsigned number)
{
    return key->aliases[number];
}

void truth_set_alias(struct truth_key *key, unsigned number, struct truth_key *other)
{
    key->aliases[number] = other;
}

/* History */

/* Forgets moments that ended before the instant, and makes room for one more. */
static void make_room(struct truth_key *key, int64_t before_ns)
{
    while (key->end - key->begin > 1 && key->moments[key->begin + 1].from_ns <= before_ns) {
        truth_value_unref(&key->moments[key->begin++].value);
        key->has_forgotten = true;
    }
    if (key->end < key->size)
        return;
    if (key->begin >= key->size / 2 && key->begin > 0) {
        memmove(key->moments, key->moments + key->begin,
                (key->end - key->begin) * sizeof(*key->moments));
        key->end -= key->begin;
        key->begin = 0;
        return;
    }
    key->size = key->size == 0 ? 2 : key->size * 2;
    key->moments = xrealloc(key->moments, key->size * sizeof(*key->moments));
}

void truth_put(struct truth_key *key, struct truth_value *value, int64_t now_ns)
{
    make_room(key, now_ns - key->truth->keep_ns);
    key->moments[key->end++] = (struct moment){now_ns, truth_value_ref(value)};
}

struct truth_value *truth_now(const struct truth_key *key)
{
    return key->end == key->begin ? NULL : key->moments[key->end - 1].value;
}

bool truth_number(const struct truth_key *key, int64_t *number)
{
    const struct truth_value *value = truth_now(key);
    char *end;

    if (value == NULL)
        return false;
    *number = strtoll(value->json, &end, 10);
    return end != value->json && *end == '\0';
}

/* Returns the moment that held at the instant. Before the first one there was no value: then it is
 * begin - 1, which is SIZE_MAX for 0. */
static size_t moment_at(const struct truth_key *key, int64_t at_ns)
{
    size_t low = key->begin, high = key->end;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;

        if (key->moments[middle].from_ns <= at_ns)
            low = middle + 1;
        else
            high = middle;
    }
    return low - 1;
}

/* Before the first moment that is kept there was no value, unless moments were forgotten. */
static bool is_before_all(const struct truth_key *key, size_t moment)
{
    return moment + 1 == key->begin;
}

bool truth_had(const struct truth_key *key, enum truth_protocol protocol, const char *text,
               size_t len, int64_t from_ns, int64_t to_ns)
{
    size_t i = moment_at(key, from_ns);

    if (is_before_all(key, i)) {
        if (!key->has_forgotten && text == NULL)
            return true;
        i = key->begin;
    }
    for (; i < key->end && key->moments[i].from_ns <= to_ns; i++) {
        const struct truth_value *value = key->moments[i].value;

        if (text == NULL ? value == NULL : truth_value_shows(value, protocol, text, len))
            return true;
    }
    return false;
}

bool truth_had_empty(const struct truth_key *key, enum truth_protocol protocol, int64_t from_ns,
                     int64_t to_ns)
{
    size_t i = moment_at(key, from_ns);

    if (is_before_all(key, i))
        i = key->begin;
    for (; i < key->end && key->moments[i].from_ns <= to_ns; i++) {
        const struct truth_value *value = key->moments[i].value;

        if (value != NULL && truth_value_shows(value, protocol, NULL, 0))
            return true;
    }
    return false;
}

bool truth_always_had(const struct truth_key *key, enum truth_protocol protocol, bool is_there,
                      int64_t from_ns, int64_t to_ns)
{
    size_t i = moment_at(key, from_ns);

    if (is_before_all(key, i)) {
        if (key->has_forgotten || is_there)
            return false; /* not known, or there was none */
        i = key->begin;
    }
    for (; i < key->end && key->moments[i].from_ns <= to_ns; i++) {
        if (is_there == truth_value_shows(key->moments[i].value, protocol, NULL, 0))
            return false;
    }
    return true;
}

const char *truth_describe(const struct truth_key *key)
{
    static _Thread_local char text[600];
    size_t first = key->end - key->begin > 6 ? key->end - 6 : key->begin;
    int len = snprintf(text, sizeof(text), "%s/%s:", key->truth->name, key->name);

    for (size_t i = first; i < key->end && len > 0 && (size_t)len < sizeof(text); i++) {
        const struct truth_value *value = key->moments[i].value;

        len += snprintf(text + len, sizeof(text) - (size_t)len, " %.6f %.40s",
                        (double)key->moments[i].from_ns / 1e9, value == NULL ? "-" : value->json);
    }
    return text;
}

void truth_list(const struct truth *truth, const char *path, bool is_deep, truth_row_fn *row,
                void *arg)
{
    const size_t len = strlen(path);

    for (size_t i = 0; i < truth->key_count; i++) {
        const struct truth_key *key = truth->keys[i];

        if (key->name_len <= len || memcmp(key->name, path, len) != 0 || truth_now(key) == NULL)
            continue;
        if (!is_deep && memchr(key->name + len, '/', key->name_len - len) != NULL)
            continue;
        if (!row(arg, key))
            return;
    }
}
