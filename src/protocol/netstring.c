#include "podop/netstring.h"

enum { LENGTH_DIGITS_MAX = 10 };

/* Reads a length of at most max and the colon after it, and sets *used to their bytes. */
static inline enum parse parse_length(struct span in, size_t max, size_t *length, size_t *used)
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
    *length = len;
    *used = i + 1;
    return PARSE_DONE;
}

enum parse netstring_parse(struct span in, size_t max, struct span *payload, size_t *used)
{
    size_t len, begin;
    const enum parse parsed = parse_length(in, max, &len, &begin);

    if (parsed != PARSE_DONE)
        return parsed;
    if (in.len - begin <= len) /* len bytes, then ',' */
        return PARSE_MORE;
    if (in.ptr[begin + len] != ',')
        return PARSE_BAD;
    *payload = (struct span){in.ptr + begin, len};
    *used = begin + len + 1;
    return PARSE_DONE;
}

enum parse netstring_discard_begin(struct netstring_discard *discard, struct span in, size_t max,
                                   size_t *used)
{
    size_t len;
    const enum parse parsed = parse_length(in, SIZE_MAX, &len, used);

    if (parsed != PARSE_DONE)
        return parsed;
    if (len <= max)
        return PARSE_BAD;
    *discard = (struct netstring_discard){.is_under_way = true, .left = len};
    return PARSE_DONE;
}

enum parse netstring_discard(struct netstring_discard *discard, struct span in, size_t *used)
{
    if (in.len <= discard->left) {
        discard->left -= in.len;
        *used = in.len;
        return PARSE_MORE;
    }
    if (in.ptr[discard->left] != ',')
        return PARSE_BAD;
    *used = discard->left + 1;
    *discard = (struct netstring_discard){0};
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
