#include "line_buffer.h"

#include <string.h>

enum { KEPT_BYTES = 64 * 1024 }; /* an empty buffer that is larger is freed */

void line_buffer_init(struct line_buffer *lines, size_t line_max, size_t read_max)
{
    *lines = (struct line_buffer){.line_max = line_max};
    buf_init(&lines->bytes, line_max + 1 + read_max);
}

void line_buffer_deinit(struct line_buffer *lines)
{
    buf_deinit(&lines->bytes);
    lines->used = lines->scanned = 0;
}

enum parse line_buffer_next(struct line_buffer *lines, struct span *line)
{
    const struct span rest = span_skip(buf_span(&lines->bytes), lines->used);
    const char *end = NULL;
    size_t len;

    if (lines->scanned < rest.len)
        end = memchr(rest.ptr + lines->scanned, '\n', rest.len - lines->scanned);
    len = end == NULL ? rest.len : (size_t)(end - rest.ptr);
    if (len > lines->line_max)
        return PARSE_BAD;
    if (end == NULL) {
        lines->scanned = rest.len;
        return PARSE_MORE;
    }
    lines->scanned = 0;
    lines->used += len + 1;
    *line = (struct span){rest.ptr, len};
    return PARSE_DONE;
}

void line_buffer_drop_taken(struct line_buffer *lines)
{
    buf_drop(&lines->bytes, lines->used);
    lines->used = 0;
    if (lines->bytes.len == 0 && lines->bytes.cap > KEPT_BYTES)
        buf_deinit(&lines->bytes);
}
