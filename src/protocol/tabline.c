#include "podop/tabline.h"

#include "podop/word.h"

/* Returns the byte that follows "\1" in the escape of byte, or 0 if byte needs no escape. */
static char code_of(char byte)
{
    switch (byte) {
    case '\0': return '0';
    case '\1': return '1';
    case '\t': return 't';
    case '\r': return 'r';
    case '\n': return 'n';
    default: return '\0';
    }
}

static char byte_of(char code)
{
    switch (code) {
    case '0': return '\0';
    case '1': return '\1';
    case 't': return '\t';
    case 'r': return '\r';
    case 'n': return '\n';
    default: return code;
    }
}

enum parse tabline_parse(struct span in, size_t max, struct span *line, size_t *used)
{
    const char *end = in.len == 0 ? NULL : memchr(in.ptr, '\n', in.len);
    size_t len = end == NULL ? in.len : (size_t)(end - in.ptr);

    if (len > max)
        return PARSE_BAD;
    if (end == NULL)
        return PARSE_MORE;
    *line = (struct span){in.ptr, len};
    *used = len + 1;
    return PARSE_DONE;
}

void tabline_unescape(struct buf *out, struct span field)
{
    while (field.len > 0) {
        const char *escape = memchr(field.ptr, '\1', field.len);
        size_t len = escape == NULL ? field.len : (size_t)(escape - field.ptr);

        buf_add(out, (struct span){field.ptr, len});
        field = span_skip(field, len);
        if (field.len > 1)
            buf_add_char(out, byte_of(field.ptr[1]));
        field = span_skip(field, field.len > 1 ? 2 : field.len); /* a lone "\1" is dropped */
    }
}

/* Returns whether all of these eight bytes are above '\r'. */
static bool is_plain_word(const char *bytes)
{
    return !word_has_below(word_load(bytes), '\r' + 1);
}

/* Returns how many bytes at the front are above '\r' and so need no escape. The byte after them may
 * need one. */
static size_t plain_prefix(struct span bytes)
{
    size_t i = 0;

    while (bytes.len - i >= WORD_BYTES && is_plain_word(bytes.ptr + i))
        i += WORD_BYTES;
    if (i > 0 && bytes.len - i < WORD_BYTES && is_plain_word(bytes.ptr + bytes.len - WORD_BYTES))
        return bytes.len; /* the last word overlaps the one before */
    while (i < bytes.len && (unsigned char)bytes.ptr[i] > '\r')
        i++;
    return i;
}

void tabline_escape(struct buf *out, struct span bytes)
{
    while (bytes.len > 0) {
        size_t plain = plain_prefix(bytes);
        char code;

        buf_add(out, (struct span){bytes.ptr, plain});
        bytes = span_skip(bytes, plain);
        if (bytes.len == 0)
            return;
        code = code_of(*bytes.ptr);
        if (code == '\0')
            buf_add_char(out, *bytes.ptr);
        else
            buf_add(out, (struct span){(const char[]){'\1', code}, 2});
        bytes = span_skip(bytes, 1);
    }
}
