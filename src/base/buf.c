#include "podop/buf.h"

#include "podop/mem.h"

#include <stdlib.h>

enum { BUF_FIRST_BYTES = 64 };

void buf_deinit(struct buf *b)
{
    free(b->ptr);
    buf_init(b, b->max);
}

char *buf_grow(struct buf *b, size_t n)
{
    if (b->is_over || n > b->max - b->len) {
        b->is_over = true;
        return NULL;
    }
    if (n > b->cap - b->len) {
        size_t need = b->len + n; /* at most max, so it cannot wrap */
        size_t cap = b->cap == 0 ? BUF_FIRST_BYTES : b->cap;

        while (cap < need)
            cap = cap > b->max / 2 ? b->max : cap * 2;
        b->cap = cap < b->max ? cap : b->max;
        b->ptr = xrealloc(b->ptr, b->cap);
    }
    return b->ptr == NULL ? NULL : b->ptr + b->len; /* NULL: no room was asked for, none given */
}

void buf_add_uint(struct buf *b, uint64_t n)
{
    size_t digits = 1;
    char *to;

    for (uint64_t rest = n; rest >= 10; rest /= 10)
        digits++;
    to = buf_reserve(b, digits);
    if (to == NULL)
        return;
    b->len += digits;
    for (; digits > 0; n /= 10)
        to[--digits] = (char)('0' + n % 10);
}

static bool is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

void buf_add_percent(struct buf *b, struct span bytes, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";

    while (bytes.len > 0) {
        size_t kept = 0;
        unsigned char byte;

        while (kept < bytes.len &&
               (is_unreserved(bytes.ptr[kept]) || (keep_slash && bytes.ptr[kept] == '/')))
            kept++;
        buf_add(b, (struct span){bytes.ptr, kept});
        bytes = span_skip(bytes, kept);
        if (bytes.len == 0)
            return;
        byte = (unsigned char)*bytes.ptr;
        buf_add(b, (struct span){(const char[]){'%', hex[byte >> 4], hex[byte & 15]}, 3});
        bytes = span_skip(bytes, 1);
    }
}

void buf_drop(struct buf *b, size_t n)
{
    b->len -= n;
    if (b->len > 0 && n > 0)
        memmove(b->ptr, b->ptr + n, b->len);
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->is_over = false;
}

const char *buf_string(struct buf *b)
{
    char *end = buf_reserve(b, 1);

    if (end == NULL)
        return NULL;
    *end = '\0';
    return b->ptr;
}
