#include "local_part.h"

static bool must_be_escaped(char c)
{
    return c == '"' || c == '\\' || c == '\r';
}

size_t local_part_quoted_prefix(struct span s)
{
    if (s.len == 0 || s.ptr[0] != '"')
        return 0;
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        if (s.ptr[i] == '\\')
            i++;
    }
    return 0;
}

bool local_part_is_quoted(struct span local)
{
    return local.len > 0 && local_part_quoted_prefix(local) == local.len;
}

void local_part_unquote(struct span local, struct buf *out)
{
    for (size_t i = 1; i < local.len - 1; i++) {
        if (local.ptr[i] == '\\')
            i++; /* never the last quote: a backslash before it would be inside */
        buf_add_char(out, local.ptr[i]);
    }
}

bool local_part_needs_quotes(struct span text)
{
    char before = '.'; /* no dot at the beginning, after another, or at the end */

    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];

        if (c <= ' ' || c == 0x7f || strchr("()<>@,;:\\\"[]", c) != NULL ||
            (c == '.' && before == '.'))
            return true;
        before = (char)c;
    }
    return before == '.';
}

void local_part_enclose(struct span text, struct buf *out)
{
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        if (must_be_escaped(text.ptr[i]))
            buf_add_char(out, '\\');
        buf_add_char(out, text.ptr[i]);
    }
    buf_add_char(out, '"');
}

void local_part_quote(struct span text, struct buf *out)
{
    if (local_part_needs_quotes(text))
        local_part_enclose(text, out);
    else
        buf_add(out, text);
}
