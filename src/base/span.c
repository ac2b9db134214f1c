#include "podop/span.h"

#include <stdint.h>

/* Follows the table of well-formed sequences in RFC 3629 section 4, where only the range of the
 * second byte depends on the first. */
size_t span_utf8_char(struct span s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
    unsigned char low = p[0] == 0xe0 ? 0xa0 : p[0] == 0xf0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xed ? 0x9f : p[0] == 0xf4 ? 0x8f : 0xbf;

    if (len == 0 || len > s.len || p[0] > 0xf4)
        return 0;
    if (len > 1 && (p[1] < low || p[1] > high))
        return 0;
    for (size_t i = 2; i < len; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    }
    return len;
}

size_t span_utf8_prefix(struct span s)
{
    size_t i = 0;

    while (i < s.len) {
        uint64_t word;
        size_t len;

        if (s.len - i >= sizeof(word)) { /* most text is ASCII: check eight bytes at a time */
            memcpy(&word, s.ptr + i, sizeof(word));
            if ((word & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof(word);
                continue;
            }
        }
        len = span_utf8_char(span_skip(s, i));
        if (len == 0)
            return i;
        i += len;
    }
    return i;
}
