#include "url_identity.h"

#include "table/identity.h"
#include "url_request.h"

#include <stdlib.h>

enum url_identity url_identity_choose(const struct url_backends *b, bool is_post)
{
    const struct url_template *first = b->items[0].template;

    if (is_post)
        return URL_IDENTITY_BODY;
    for (size_t i = 1; i < b->count; i++) {
        if (!url_template_is_alike(first, b->items[i].template))
            return URL_IDENTITY_ALL;
    }
    return url_template_is_plain(first) ? URL_IDENTITY_PLAIN : URL_IDENTITY_FIRST;
}

/* Adds each URL, followed by a line feed, which no URL contains. Returns false when key has no URL
 * at one of the backends. */
static bool add_targets(const struct url_table *t, const struct table_key *key, struct buf *out)
{
    const size_t count = t->identity == URL_IDENTITY_ALL ? t->backends.count : 1;
    bool are_all = true;

    for (size_t i = 0; i < count; i++) {
        char *target;

        are_all &= url_request_target(t, &t->backends.items[i], key, &target) == URL_TARGET_OK;
        if (target != NULL)
            buf_add(out, span_of(target));
        buf_add_char(out, '\n');
        free(target);
    }
    return are_all;
}

static void add_split(const struct table_key *key, struct buf *out)
{
    struct identity split;

    identity_split(&split, key);
    buf_add(out, split.bytes);
    identity_free(&split);
}

bool url_identity_is_plain(struct table *table)
{
    return url_table_of(table)->identity == URL_IDENTITY_PLAIN;
}

bool url_identity_fill(struct table *table, const struct table_key *key, struct identity *identity)
{
    const struct url_table *t = url_table_of(table);
    struct buf bytes;

    buf_init(&bytes, BUF_LIMITED_BY_INPUT);
    if (t->identity == URL_IDENTITY_BODY || !add_targets(t, key, &bytes))
        add_split(key, &bytes);
    identity_take(identity, &bytes);
    return true;
}

/* A write goes to one of the URLs, and other keys may have that URL as well. commit_url receives
 * keys in another form than lookups do. */
bool url_identity_invalidates_all(struct table *table)
{
    const struct url_table *t = url_table_of(table);

    return t->identity == URL_IDENTITY_ALL ||
           (t->identity != URL_IDENTITY_PLAIN && t->backends.has_commit);
}
