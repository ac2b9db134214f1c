#include "podop/transaction.h"

#include "table_keys.h"

#include "podop/mem.h"

#include "mail/key_rules.h"

#include <stdlib.h>

/* Overhead of a change: the struct, twice since the array may just have grown, and what malloc
 * adds. */
enum { CHANGE_OVERHEAD_BYTES = 2 * sizeof(struct change) + 32 };

struct transaction *transaction_new(struct span user)
{
    struct transaction *t = xcalloc(1, sizeof(*t));

    t->user = xmemdup0(user.ptr, user.len);
    return t;
}

void transaction_free(struct transaction **pt)
{
    struct transaction *t = *pt;

    if (t == NULL)
        return;
    *pt = NULL;
    transaction_clear(t);
    free(t->user);
    free(t);
}

void transaction_clear(struct transaction *t)
{
    for (size_t i = 0; i < t->count; i++)
        free(t->changes[i].bytes);
    free(t->changes);
    free(t->hashes);
    t->hashes = NULL;
    t->changes = NULL;
    t->count = 0;
    t->bytes = 0;
}

static struct span append(char **to, struct span bytes)
{
    struct span copy = {*to, bytes.len};

    if (bytes.len > 0) {
        memcpy(*to, bytes.ptr, bytes.len);
        *to += bytes.len;
    }
    return copy;
}

void transaction_add(struct transaction *t, const struct change *change)
{
    size_t bytes = change->key.key.len + change->key.user.len + change->value.len;
    struct change *copy;
    char *at = xmalloc(bytes);

    if ((t->count & (t->count - 1)) == 0) /* doubles the room at each power of two */
        t->changes =
            xreallocarray(t->changes, t->count == 0 ? 1 : t->count * 2, sizeof(*t->changes));
    copy = &t->changes[t->count++];
    *copy = *change;
    copy->bytes = at;
    copy->key.key = append(&at, change->key.key);
    copy->key.user = append(&at, change->key.user);
    copy->value = append(&at, change->value);
    t->bytes += bytes + CHANGE_OVERHEAD_BYTES;
}

/* Most backends know a private key as KEY/USER, so it may be below a shared path. */
static bool is_below(const struct table_key *key, const struct table_key *path)
{
    struct identity id;
    bool is_below_path;

    if (path->is_private)
        return key->is_private && span_equal(path->user, key->user) &&
               span_starts_with(key->key, path->key);
    identity_plain(&id, key);
    is_below_path = span_starts_with(id.bytes, path->key);
    identity_free(&id);
    return is_below_path;
}

static bool touches_below(const struct transaction *t, const struct table_key *path)
{
    for (size_t i = 0; i < t->count; i++) {
        if (is_below(&t->changes[i].key, path))
            return true;
    }
    return false;
}

bool transaction_touches_below(const struct transaction *t, const struct table *table,
                               const struct table_key *path)
{
    struct normal_key normal;
    bool touches;

    if (table == NULL)
        return touches_below(t, path);
    normal_key_init(&normal, table, path);
    touches = touches_below(t, &normal.key);
    normal_key_deinit(&normal);
    return touches;
}

/* FNV-1a, without a secret key: a client that makes keys collide delays its own requests only. */
static uint64_t add_hash(uint64_t hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_of(struct table *table, const struct table_key *key)
{
    struct identity id;
    uint64_t hash;

    if (table == NULL)
        identity_plain(&id, key);
    else
        identity_of(&id, table, key);
    hash = add_hash(UINT64_C(0xcbf29ce484222325), id.bytes);
    identity_free(&id);
    return hash;
}

uint64_t transaction_key(struct table *table, const struct table_key *key)
{
    return table != NULL && table_keys_search(table, key) ? TRANSACTION_ANY_KEY
                                                          : hash_of(table, key);
}

uint64_t transaction_key_of_next(struct table *table, struct table *next,
                                 const struct table_key *key)
{
    struct normal_key normal;
    uint64_t hash;

    if (table_keys_search(next, key))
        return TRANSACTION_ANY_KEY;
    normal_key_init(&normal, next, key);
    hash = transaction_key(table, &normal.key);
    normal_key_deinit(&normal);
    return hash;
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static void normalise_change(const struct table *t, struct change *change)
{
    struct normal_key n;
    char *bytes, *at;

    normal_key_init(&n, t, &change->key);
    at = bytes = xmalloc(n.key.key.len + n.key.user.len + change->value.len);
    change->key.key = append(&at, n.key.key);
    change->key.user = append(&at, n.key.user);
    change->value = append(&at, change->value);
    free(change->bytes);
    change->bytes = bytes;
    normal_key_deinit(&n);
}

static char *normal_user(const struct table *t, const char *user)
{
    struct buf bytes;
    char *normal;

    buf_init(&bytes, BUF_LIMITED_BY_INPUT);
    if (user[0] != '\0')
        key_normalise_user(t->rules, span_of(user), &bytes);
    normal = xmemdup0(bytes.ptr, bytes.len);
    buf_deinit(&bytes);
    return normal;
}

void transaction_normalise(struct transaction *t, const struct table *table)
{
    char *user;

    if (table->rules == NULL)
        return;
    user = normal_user(table, t->user);
    free(t->user);
    t->user = user;
    for (size_t i = 0; i < t->count; i++)
        normalise_change(table, &t->changes[i]);
}

void transaction_seal(struct transaction *t, struct table *table)
{
    if (table != NULL)
        transaction_normalise(t, table);
    t->hashes = xreallocarray(t->hashes, t->count, sizeof(*t->hashes));
    for (size_t i = 0; i < t->count; i++)
        t->hashes[i] = hash_of(table, &t->changes[i].key);
    qsort(t->hashes, t->count, sizeof(*t->hashes), compare_hashes);
}

bool transaction_may_touch(const struct transaction *t, uint64_t key)
{
    return t->count > 0 &&
           (key == TRANSACTION_ANY_KEY ||
            bsearch(&key, t->hashes, t->count, sizeof(key), compare_hashes) != NULL);
}

bool transaction_may_touch_any(const struct transaction *t, struct table *table,
                               const struct transaction *b)
{
    enum { COMPARED_MAX = 64 };
    bool may = b->count > COMPARED_MAX;

    for (size_t i = 0; i < b->count && !may; i++)
        may = transaction_may_touch(t, hash_of(table, &b->changes[i].key));
    return may;
}

/* Walks both arrays of hashes, which are sorted. */
bool transaction_may_overlap(const struct transaction *a, const struct transaction *b)
{
    size_t i = 0, j = 0;

    while (i < a->count && j < b->count) {
        if (a->hashes[i] == b->hashes[j])
            return true;
        if (a->hashes[i] < b->hashes[j])
            i++;
        else
            j++;
    }
    return false;
}
