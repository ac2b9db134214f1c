#include "socketmap_message.h"

#include "podop/netstring.h"

#include <stdio.h>

void socketmap_add_request(struct buf *out, struct span table, struct span key)
{
    buf_add_uint(out, (uint64_t)table.len + 1 + key.len);
    buf_add_char(out, ':');
    buf_add(out, table);
    buf_add_char(out, ' ');
    buf_add(out, key);
    buf_add_char(out, ',');
}

bool socketmap_parse_reply(struct span payload, enum reply_status *status, struct span *text)
{
    static const struct {
        struct span word;
        enum reply_status status;
    } replies[] = {
        {{"OK ", 3}, REPLY_FOUND},       {{"NOTFOUND ", 9}, REPLY_MISS},
        {{"TEMP ", 5}, REPLY_TEMPORARY}, {{"TIMEOUT ", 8}, REPLY_TIMEOUT},
        {{"PERM ", 5}, REPLY_PERMANENT}, {{"NOTFOUND", 8}, REPLY_MISS},
    };

    for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
        if (!span_starts_with(payload, replies[i].word))
            continue;
        *status = replies[i].status;
        *text = span_skip(payload, replies[i].word.len);
        return true;
    }
    return false;
}

static void add_refused_value(struct buf *out, const char *table, const char *why)
{
    char text[SOCKETMAP_REASON_BYTES_MAX];
    int len = snprintf(text, sizeof(text), "table %s: %s", table, why);

    netstring_add(out, SPAN("PERM "), (struct span){text, (size_t)len});
}

static void add_value(struct buf *out, struct span value, const char *table, size_t max_reply)
{
    if (value.len > max_reply - SPAN("OK ").len)
        add_refused_value(out, table, "the value is longer than a reply may be");
    else if (span_has_byte(value, '\0'))
        add_refused_value(out, table, "the value has a NUL byte");
    else if (value.len == 0) /* Postfix treats "OK " without a value as an error */
        netstring_add(out, SPAN("NOTFOUND "), SPAN(""));
    else
        netstring_add(out, SPAN("OK "), value);
}

void socketmap_add_reply(struct buf *out, const struct reply *reply, const char *table,
                         size_t max_reply)
{
    struct span reason = reply->reason;

    if (reason.len > SOCKETMAP_REASON_BYTES_MAX)
        reason.len = SOCKETMAP_REASON_BYTES_MAX;
    switch (reply->status) {
    case REPLY_FOUND: add_value(out, reply->map_value, table, max_reply); return;
    case REPLY_MISS: netstring_add(out, SPAN("NOTFOUND "), SPAN("")); return;
    case REPLY_UNCERTAIN: /* of writes only */
    case REPLY_TEMPORARY: netstring_add(out, SPAN("TEMP "), reason); return;
    case REPLY_TIMEOUT: netstring_add(out, SPAN("TIMEOUT "), reason); return;
    case REPLY_PERMANENT: netstring_add(out, SPAN("PERM "), reason); return;
    }
}
