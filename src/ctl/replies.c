#include "replies.h"

int replies_decode(struct channel *channel, const struct client_protocol *protocol,
                   enum operation operation, struct buf *scratch, reply_fn *take, void *arg,
                   struct error *err)
{
    struct span rest = buf_span(&channel->in);
    enum parse parsed = PARSE_DONE;

    while (parsed == PARSE_DONE && rest.len > 0) {
        struct decoded_reply reply;
        size_t used;

        parsed = protocol->decode(rest, operation, scratch, &reply, &used);
        if (parsed == PARSE_DONE && !take(arg, &reply))
            parsed = PARSE_BAD;
        if (parsed == PARSE_DONE)
            rest = span_skip(rest, used);
    }
    buf_drop(&channel->in, channel->in.len - rest.len);
    if (parsed == PARSE_BAD)
        return error_set(err, ERR_INPUT, "unexpected answer on %s: is podop listening there?",
                         channel->where);
    return 0;
}
