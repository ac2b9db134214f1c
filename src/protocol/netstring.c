#include "podop/netstring.h"

enum { LENGTH_DIGITS_MAX = 10 };

enum parse netstring_parse(struct span in, size_t max, struct span *payload, size_t *used)
{
    size_t len = 0;
    size_t i = 0;

    for (; i < in.len && in.ptr[i] != ':'; i++) {
        size_t digit =
            (size_t)(unsigned char)in.ptr[i] - '0'; /* a byte below '0' becomes a huge number */

        if (i == LENGTH_DIGITS_MAX || digit > 9 || digit > max || len > (max - digit) / 10)
            return PARSE_BAD;
        len = len * 10 + digit;
    }
    if (i == in.len)
        return PARSE_MORE;
    if (i == 0)
        return PARSE_BAD;
    if (in.len - i - 1 <= len) /* ':', then len bytes, then ',' */
        return PARSE_MORE;
    if (in.ptr[i + 1 + len] != ',')
        return PARSE_BAD;
    *payload = (struct span){in.ptr + i + 1, len};
    *used = i + 1 + len + 1;
    return PARSE_DONE;
}

void netstring_add(struct buf *out, struct span word, struct span text)
{
    buf_add_uint(out, (uint64_t)word.len + text.len);
    buf_add_char(out, ':');
    buf_add(out, word);
    buf_add(out, text);
    buf_add_char(out, ',');
}
