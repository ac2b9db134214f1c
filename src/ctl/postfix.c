/* postfix.c - the client's side of the socketmap protocol. */
#include "client_protocol.h"

#include "channel.h"
#include "protocol/socketmap_message.h"

#include "podop/netstring.h"

static void postfix_encode(struct buf *out, const struct query *query, uint32_t number)
{
    (void)number;
    socketmap_add_request(out, query->table, query->key);
}

static enum parse postfix_decode(struct span in, enum operation operation, struct buf *scratch,
                                 struct decoded_reply *reply, size_t *used)
{
    struct span payload;
    enum parse parsed = netstring_parse(in, CHANNEL_REPLY_BYTES_MAX, &payload, used);

    (void)operation;
    (void)scratch;
    if (parsed != PARSE_DONE)
        return parsed;
    *reply = (struct decoded_reply){.kind = DECODED_ANSWER};
    return socketmap_parse_reply(payload, &reply->status, &reply->text) ? PARSE_DONE : PARSE_BAD;
}

const struct client_protocol postfix_protocol = {.encode = postfix_encode,
                                                 .decode = postfix_decode};
