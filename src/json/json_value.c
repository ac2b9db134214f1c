/* json_value.c - finds the values in checked JSON, and decodes its strings. */
#include "json_value_private.h"

#include "json_token.h"

size_t json_extent(struct span s)
{
    size_t depth = 0;
    size_t i = 0;

    do { /* the end is where the brackets balance */
        struct span rest = span_skip(s, i);
        size_t len = 1;

        if (rest.len == 0)
            return 0;
        if (*rest.ptr == '"') {
            len = json_string_len(rest);
        } else if (*rest.ptr == '{' || *rest.ptr == '[') {
            depth++;
        } else if (*rest.ptr == '}' || *rest.ptr == ']') {
            if (depth == 0)
                return 1; /* not the beginning of a value */
            depth--;
        } else if (*rest.ptr != ',' && *rest.ptr != ':' && !json_is_space(*rest.ptr)) {
            len = json_word_len(rest);
            if (depth == 0 && len == rest.len)
                return 0; /* the word may go on in the next piece */
        }
        if (len == 0)
            return 0;
        i += len;
    } while (depth > 0);
    return i;
}

enum json_kind json_kind(struct span text)
{
    switch (*json_skip_space(text).ptr) {
    case '"': return JSON_STRING;
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case 'n': return JSON_NULL;
    default: return JSON_SCALAR;
    }
}

struct json_cursor json_walk(struct span container)
{
    struct span s = json_skip_space(container);

    return (struct json_cursor){.rest = json_skip_space(span_skip(s, 1)),
                                .is_object = *s.ptr == '{'};
}

struct span json_take(struct span *rest)
{
    struct span value = {rest->ptr, json_extent(*rest)};

    if (value.len == 0)        /* a word at the end of the text */
        value.len = rest->len; /* GCOVR_EXCL_LINE: in checked JSON a bracket follows each word */
    *rest = json_skip_space(span_skip(*rest, value.len));
    return value;
}

/* Does not search for the end of the value, which may be long. */
bool json_next_begin(struct json_cursor *cursor, struct span *name)
{
    struct span *rest = &cursor->rest;

    if (rest->len > 0 && *rest->ptr == ',')
        *rest = json_skip_space(span_skip(*rest, 1));
    if (rest->len == 0 || *rest->ptr == ']' || *rest->ptr == '}')
        return false;
    if (cursor->is_object) {
        *name = json_take(rest);
        *rest = json_skip_space(span_skip(*rest, 1)); /* ':' */
    }
    return true;
}

bool json_next(struct json_cursor *cursor, struct span *name, struct span *value)
{
    if (!json_next_begin(cursor, name))
        return false;
    *value = json_take(&cursor->rest);
    return true;
}

static char *put_utf8(char *to, long code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* Returns the character of the \uXXXX that s begins with, or of two of them that are a pair of
 * surrogates. Sets *len to their length. */
static long escaped_code(struct span s, size_t *len)
{
    long code = json_code_unit(s);

    *len = 6;
    if (code < 0xd800 || code > 0xdbff)
        return code;
    *len = 12;
    return 0x10000 + ((code - 0xd800) << 10) + (json_code_unit(span_skip(s, 6)) - 0xdc00);
}

/* Decodes the escape that s begins with to the bytes at to, and sets *len to its length. Returns
 * the position after the written bytes. */
static char *put_escape(char *to, struct span s, size_t *len)
{
    *len = 2;
    switch (s.ptr[1]) {
    case 'b': *to++ = '\b'; return to;
    case 'f': *to++ = '\f'; return to;
    case 'n': *to++ = '\n'; return to;
    case 'r': *to++ = '\r'; return to;
    case 't': *to++ = '\t'; return to;
    case 'u': return put_utf8(to, escaped_code(s, len));
    default: *to++ = s.ptr[1]; return to;
    }
}

/* An escape is never shorter than its character, so that rest.len bytes are enough. */
void json_add_text(struct buf *out, struct span string)
{
    struct span rest = {string.ptr + 1, string.len - 2};
    char *begin, *to;

    if (!span_has_byte(rest, '\\')) {
        buf_add(out, rest);
        return;
    }
    begin = to = buf_reserve(out, rest.len);
    if (begin == NULL)
        return;
    while (rest.len > 0) {
        size_t len = 1;

        if (*rest.ptr == '\\')
            to = put_escape(to, rest, &len);
        else
            *to++ = *rest.ptr;
        rest = span_skip(rest, len);
    }
    out->len += (size_t)(to - begin);
}

/* Counts the bytes up to the next white space between tokens. */
static size_t dense_len(struct span s)
{
    size_t i = 0;

    while (i < s.len && !json_is_space(s.ptr[i]))
        i += s.ptr[i] == '"' ? json_string_len(span_skip(s, i)) : 1;
    return i;
}

void json_add_compact(struct buf *out, struct span value)
{
    for (struct span rest = json_skip_space(value); rest.len > 0;) {
        size_t len = dense_len(rest);

        buf_add(out, (struct span){rest.ptr, len});
        rest = json_skip_space(span_skip(rest, len));
    }
}
