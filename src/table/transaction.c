#include "podop/transaction.h"

#include "podop/mem.h"

#include <stdlib.h>

/* Besides its key and value: the struct, twice where the array has just grown, and malloc's own. */
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

static bool is_same_space(const struct table_key *a, const struct table_key *b)
{
    return a->is_private == b->is_private && (!a->is_private || span_equal(a->user, b->user));
}

bool transaction_touches(const struct transaction *t, const struct table_key *key)
{
    for (size_t i = 0; i < t->count; i++) {
        if (is_same_space(&t->changes[i].key, key) && span_equal(t->changes[i].key.key, key->key))
            return true;
    }
    return false;
}

bool transaction_touches_below(const struct transaction *t, const struct table_key *path)
{
    for (size_t i = 0; i < t->count; i++) {
        if (is_same_space(&t->changes[i].key, path) &&
            span_starts_with(t->changes[i].key.key, path->key))
            return true;
    }
    return false;
}

/* FNV-1a. Who makes keys collide makes its own requests wait, and no others. */
static uint64_t add_hash(uint64_t hash, struct span bytes)
{
    for (size_t i = 0; i < bytes.len; i++)
        hash = (hash ^ (unsigned char)bytes.ptr[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t hash_of(const struct table_key *key)
{
    uint64_t hash = add_hash(UINT64_C(0xcbf29ce484222325), key->key);

    return key->is_private ? add_hash(hash * 31, key->user) : hash;
}

static int compare_hashes(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

void transaction_seal(struct transaction *t)
{
    t->hashes = xreallocarray(t->hashes, t->count, sizeof(*t->hashes));
    for (size_t i = 0; i < t->count; i++)
        t->hashes[i] = hash_of(&t->changes[i].key);
    qsort(t->hashes, t->count, sizeof(*t->hashes), compare_hashes);
}

static bool has_hash(const struct transaction *t, uint64_t hash)
{
    return t->count > 0 &&
           bsearch(&hash, t->hashes, t->count, sizeof(hash), compare_hashes) != NULL;
}

bool transaction_may_touch(const struct transaction *t, const struct table_key *key)
{
    return has_hash(t, hash_of(key));
}

bool transaction_may_overlap(const struct transaction *a, const struct transaction *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (has_hash(a, b->hashes[i]))
            return true;
    }
    return false;
}

bool transaction_overlaps(const struct transaction *a, const struct transaction *b)
{
    for (size_t i = 0; i < b->count; i++) {
        if (transaction_touches(a, &b->changes[i].key))
            return true;
    }
    return false;
}
