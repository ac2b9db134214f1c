/* postfix.c - the client's side of the socketmap protocol. */
#include "client_protocol.h"

#include "channel.h"

#include "podop/netstring.h"

static void postfix_encode(struct buf *out, const struct query *query, uint32_t number)
{
    (void)number;
    buf_add_uint(out, (uint64_t)query->table.len + 1 + query->key.len);
    buf_add_char(out, ':');
    buf_add(out, query->table);
    buf_add_char(out, ' ');
    buf_add(out, query->key);
    buf_add_char(out, ',');
}

/* The first word of a reply; the rest is the value or the reason. */
static const struct {
    struct span word;
    enum reply_status status;
} replies[] = {
    {{"OK ", 3}, REPLY_FOUND},       {{"NOTFOUND ", 9}, REPLY_MISS},
    {{"TEMP ", 5}, REPLY_TEMPORARY}, {{"TIMEOUT ", 8}, REPLY_TIMEOUT},
    {{"PERM ", 5}, REPLY_PERMANENT}, {{"NOTFOUND", 8}, REPLY_MISS},
};

static enum parse postfix_decode(struct span in, enum operation operation, struct buf *scratch,
                                 struct decoded_reply *reply, size_t *used)
{
    struct span payload;
    enum parse parsed = netstring_parse(in, CHANNEL_REPLY_BYTES_MAX, &payload, used);

    (void)operation;
    (void)scratch;
    if (parsed != PARSE_DONE)
        return parsed;
    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        if (!span_starts_with(payload, replies[i].word))
            continue;
        *reply = (struct decoded_reply){
            .kind = DECODED_ANSWER,
            .status = replies[i].status,
            .text = span_skip(payload, replies[i].word.len),
        };
        return PARSE_DONE;
    }
    return PARSE_BAD;
}

const struct client_protocol postfix_protocol = {.encode = postfix_encode,
                                                 .decode = postfix_decode};
