/* postfix.c - asks as Postfix does: socketmap lookups. */
#include "speaker.h"

#include "channel.h"
#include "protocol/socketmap_message.h"

#include "podop/netstring.h"

static void postfix_ask(struct buf *out, const struct question *question, uint32_t number)
{
    (void)number;
    socketmap_add_request(out, question->table, question->key);
}

static enum parse postfix_hear(struct span in, enum operation operation, struct buf *scratch,
                               struct heard *heard, size_t *used)
{
    struct span payload;
    enum parse parsed = netstring_parse(in, CHANNEL_REPLY_BYTES_MAX, &payload, used);

    (void)operation;
    (void)scratch;
    if (parsed != PARSE_DONE)
        return parsed;
    *heard = (struct heard){.kind = HEARD_ANSWER};
    return socketmap_parse_reply(payload, &heard->status, &heard->text) ? PARSE_DONE : PARSE_BAD;
}

const struct speaker speaker_postfix = {.ask = postfix_ask, .hear = postfix_hear};
