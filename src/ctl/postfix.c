/* postfix.c - asks as Postfix does: socketmap lookups. */
#include "speaker.h"

#include "channel.h"

#include "podop/netstring.h"

static void postfix_ask(struct buf *out, const struct question *question, uint32_t number)
{
    (void)number;
    buf_add_uint(out, (uint64_t)question->table.len + 1 + question->key.len);
    buf_add_char(out, ':');
    buf_add(out, question->table);
    buf_add_char(out, ' ');
    buf_add(out, question->key);
    buf_add_char(out, ',');
}

/* What stands behind the first word: nothing where that is all. */
static const struct {
    struct span word;
    enum reply_status status;
} replies[] = {
    {{"OK ", 3}, REPLY_FOUND},       {{"NOTFOUND ", 9}, REPLY_MISS},
    {{"TEMP ", 5}, REPLY_TEMPORARY}, {{"TIMEOUT ", 8}, REPLY_TIMEOUT},
    {{"PERM ", 5}, REPLY_PERMANENT}, {{"NOTFOUND", 8}, REPLY_MISS},
};

static enum parse postfix_hear(struct span in, enum operation operation, struct buf *scratch,
                               struct heard *heard, size_t *used)
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
        *heard = (struct heard){
            .kind = HEARD_ANSWER,
            .status = replies[i].status,
            .text = span_skip(payload, replies[i].word.len),
        };
        return PARSE_DONE;
    }
    return PARSE_BAD;
}

const struct speaker speaker_postfix = {.ask = postfix_ask, .hear = postfix_hear};
