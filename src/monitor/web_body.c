#include "web_body.h"

#include "podop/mem.h"

#include <stdlib.h>

struct web_body *web_body_new(void)
{
    struct web_body *body = xcalloc(1, sizeof(*body));

    body->refs = 1;
    return body;
}

struct web_body *web_body_of(struct span bytes)
{
    struct web_body *body = web_body_new();

    web_body_add(body, bytes);
    return body;
}

static void add_piece(struct web_body *body)
{
    body->pieces = xreallocarray(body->pieces, body->piece_count + 1, sizeof(char *));
    body->pieces[body->piece_count++] = xmalloc(WEB_PIECE_BYTES);
}

void web_body_add(struct web_body *body, struct span bytes)
{
    while (bytes.len > 0) {
        const size_t at = body->len % WEB_PIECE_BYTES;
        const size_t room = WEB_PIECE_BYTES - at;
        const size_t len = bytes.len < room ? bytes.len : room;

        if (at == 0)
            add_piece(body);
        memcpy(body->pieces[body->piece_count - 1] + at, bytes.ptr, len);
        body->len += len;
        bytes = (struct span){bytes.ptr + len, bytes.len - len};
    }
}

struct web_body *web_body_ref(struct web_body *body)
{
    body->refs++;
    return body;
}

void web_body_unref(struct web_body **pbody)
{
    struct web_body *body = *pbody;

    *pbody = NULL;
    if (body == NULL || --body->refs > 0)
        return;
    for (size_t i = 0; i < body->piece_count; i++)
        free(body->pieces[i]);
    free(body->pieces);
    free(body);
}

struct span web_body_at(const struct web_body *body, size_t at)
{
    const size_t offset = at % WEB_PIECE_BYTES;
    const size_t left = body->len - at;
    const size_t room = WEB_PIECE_BYTES - offset;

    return (struct span){body->pieces[at / WEB_PIECE_BYTES] + offset, left < room ? left : room};
}
