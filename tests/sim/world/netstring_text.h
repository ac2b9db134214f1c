/* netstring_text.h - netstrings as a client of socketmap writes and reads them; on purpose not
 * podop's own. */
#ifndef SIM_NETSTRING_TEXT_H
#define SIM_NETSTRING_TEXT_H

#include "podop/buf.h"

#include <stdint.h>

#define NETSTRING_BAD SIZE_MAX

/* Adds the length and the colon. The caller adds the payload and a comma. */
static inline void netstring_begin(struct buf *out, size_t len)
{
    buf_add_uint(out, len);
    buf_add_char(out, ':');
}

/* Takes one netstring off the front of in. Returns its whole length, 0 when in is the beginning of
 * one, or NETSTRING_BAD. payload points into in. */
static inline size_t netstring_take(struct span in, struct span *payload)
{
    size_t len = 0, i = 0;

    for (; i < in.len && in.ptr[i] >= '0' && in.ptr[i] <= '9' && i < 9; i++)
        len = len * 10 + (size_t)(in.ptr[i] - '0');
    if (i == in.len)
        return 0;
    if (in.ptr[i] != ':' || i == 0)
        return NETSTRING_BAD;
    if (in.len < i + len + 2)
        return 0;
    *payload = (struct span){in.ptr + i + 1, len};
    return in.ptr[i + 1 + len] == ',' ? i + len + 2 : NETSTRING_BAD;
}

#endif
