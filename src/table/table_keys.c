#include "table_keys.h"

#include "mail/fold.h"
#include "mail/key_rules.h"

/* The key part of a private key is the name of a setting, such as "sieve/active". It is not an
 * address, so only a fold of the whole key changes it. */
static void normalise(const struct table *t, const struct table_key *key, struct normal_key *n)
{
    size_t key_len;

    if (!key->is_private)
        key_normalise(t->rules, key->key, &n->bytes);
    else if (t->folds_all)
        fold_case(key->key, &n->bytes);
    else
        buf_add(&n->bytes, key->key);
    key_len = n->bytes.len;
    if (key->user.len > 0)
        key_normalise_user(t->rules, key->user, &n->bytes);
    n->key.key = (struct span){n->bytes.ptr, key_len};
    n->key.user = span_skip(buf_span(&n->bytes), key_len);
}

void normal_key_init(struct normal_key *n, const struct table *t, const struct table_key *key)
{
    n->key = *key;
    buf_init(&n->bytes, BUF_LIMITED_BY_INPUT);
    if (t->rules != NULL)
        normalise(t, key, n);
}

void normal_key_deinit(struct normal_key *n)
{
    buf_deinit(&n->bytes);
}

static bool is_within(struct span bytes, const struct buf *b)
{
    return bytes.len > 0 && bytes.ptr >= b->ptr && bytes.ptr < b->ptr + b->len;
}

/* Is the table's identify(): every key with one normal form has one identity. */
static bool identify_normal_form(struct table *t, const struct table_key *key, struct identity *id)
{
    struct normal_key n;

    normal_key_init(&n, t, key);
    identity_of_normal(id, t, &n.key);
    id->is_plain = false; /* its bytes are not those of key */
    if (is_within(id->bytes, &n.bytes))
        id->large = n.bytes.ptr; /* frees them with the identity */
    else
        normal_key_deinit(&n);
    return true;
}

void table_keys_init(struct table *t, const struct key_config *config)
{
    t->rules = key_rules_new(config);
    t->folds_all = config->fold == KEY_FOLD_ALL;
}

void table_keys_deinit(struct table *t)
{
    key_rules_free(&t->rules);
}

bool table_keys_search(const struct table *t, const struct table_key *key)
{
    return !key->is_private && key_rules_search(t->rules);
}

void table_keys_use(struct table *t, identify_fn *identify)
{
    t->identify_normal = identify;
    t->identify = t->rules == NULL ? identify : identify_normal_form;
}
