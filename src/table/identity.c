#include "identity.h"

#include "table_type.h"

#include "podop/mem.h"

static char *make_room(struct identity *id, size_t len)
{
    id->large = len <= sizeof(id->usual) ? NULL : xmalloc(len);
    return id->large == NULL ? id->usual : id->large;
}

static char *append(char *to, struct span bytes)
{
    if (bytes.len > 0)
        memcpy(to, bytes.ptr, bytes.len);
    return to + bytes.len;
}

static void join(struct identity *id, struct span first, char between, struct span second)
{
    const size_t len = first.len + 1 + second.len;
    char *to = make_room(id, len);

    id->bytes = (struct span){to, len};
    to = append(to, first);
    *to++ = between;
    append(to, second);
}

void identity_plain(struct identity *id, const struct table_key *key)
{
    id->is_plain = true;
    id->large = NULL;
    if (key->is_private)
        join(id, key->key, '/', key->user);
    else
        id->bytes = key->key;
}

/* The first byte tells a shared key from a private one, and a user has no NUL byte in it. */
void identity_split(struct identity *id, const struct table_key *key)
{
    const size_t prefix = key->is_private ? key->user.len + 2 : 1;
    char *to = make_room(id, prefix + key->key.len);

    id->is_plain = false;
    id->bytes = (struct span){to, prefix + key->key.len};
    *to++ = key->is_private ? 'p' : 's';
    if (key->is_private) {
        to = append(to, key->user);
        *to++ = '\0';
    }
    append(to, key->key);
}

void identity_take(struct identity *id, struct buf *bytes)
{
    id->is_plain = false;
    id->large = bytes->ptr;
    id->bytes = buf_span(bytes);
}

void identity_of(struct identity *id, struct table *table, const struct table_key *key)
{
    if (table->ops->identify == NULL || !table->ops->identify(table, key, id))
        identity_plain(id, key);
}
