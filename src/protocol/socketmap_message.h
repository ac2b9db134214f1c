/* socketmap_message.h - the grammar of Postfix's socketmap protocol: requests and replies, each one
 * netstring (Postfix 3.7.11 and 3.10.13, src/util/dict_sockmap.c). Pure functions over bytes, which
 * the server and podopctl share. */
#ifndef PODOP_PROTOCOL_SOCKETMAP_MESSAGE_H
#define PODOP_PROTOCOL_SOCKETMAP_MESSAGE_H

#include "podop/buf.h"
#include "podop/reply.h"

/* A longer reason is cut, so that every reason fits in max_reply. Postfix logs only 200 bytes; the
 * others are for tools that show more. */
enum { SOCKETMAP_REASON_BYTES_MAX = 400 };

/* Parses "TABLE KEY", the payload of a request: the key is everything after the first blank.
 * Returns false when there is no blank. Inline, because it is called for each request. */
static inline bool socketmap_parse_request(struct span payload, struct span *table,
                                           struct span *key)
{
    const char *blank = payload.len == 0 ? NULL : memchr(payload.ptr, ' ', payload.len);

    if (blank == NULL)
        return false;
    *table = (struct span){payload.ptr, (size_t)(blank - payload.ptr)};
    *key = span_skip(payload, table->len + 1);
    return true;
}
void socketmap_add_request(struct buf *out, struct span table, struct span key);

/* Parses the payload of a reply. *text is the value or the reason. Returns false for a status that
 * podop does not send. */
bool socketmap_parse_reply(struct span payload, enum reply_status *status, struct span *text);
/* Appends a reply whose payload has at most max_reply bytes. A value that cannot be sent becomes
 * PERM with the name of its table. table may be NULL for a reply without a value. */
void socketmap_add_reply(struct buf *out, const struct reply *reply, const char *table,
                         size_t max_reply);

#endif
