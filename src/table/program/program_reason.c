#include "program_reason.h"

struct span program_reason(const struct table *table, const struct program_answer *answer,
                           char text[TABLE_REASON_BYTES])
{
    struct buf why;
    struct span reason;

    buf_init(&why, BUF_LIMITED_BY_INPUT);
    if (answer->reason.ptr == NULL)
        buf_add(&why, SPAN("the program gave no reason"));
    else
        json_add_text(&why, answer->reason);
    reason = buf_span(&why);
    reason = table_reason(table, text, "%.*s",
                          reason.len < TABLE_REASON_BYTES ? (int)reason.len : TABLE_REASON_BYTES,
                          reason.len == 0 ? "" : reason.ptr);
    buf_deinit(&why);
    return reason;
}
