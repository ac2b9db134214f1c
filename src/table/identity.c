#include "identity.h"

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

void identity_join(struct identity *id, const struct table_key *key)
{
    const size_t len = key->key.len + 1 + key->user.len;
    char *to = make_room(id, len);

    id->is_plain = true;
    id->bytes = (struct span){to, len};
    to = append(to, key->key);
    *to++ = '/';
    append(to, key->user);
}

/* The first byte distinguishes shared keys from private ones. A user never has a NUL byte. */
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
