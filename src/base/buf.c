#include "podop/buf.h"

#include "podop/mem.h"

enum { BUF_FIRST_BYTES = 64 };

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

/* The bytes that stay: unreserved ones, and maybe the slash. */
enum { STAYS = 1, SLASH = 2 };

static const unsigned char kinds[256] = {
    ['-'] = STAYS, ['.'] = STAYS, ['0'] = STAYS, ['1'] = STAYS, ['2'] = STAYS, ['3'] = STAYS,
    ['4'] = STAYS, ['5'] = STAYS, ['6'] = STAYS, ['7'] = STAYS, ['8'] = STAYS, ['9'] = STAYS,
    ['A'] = STAYS, ['B'] = STAYS, ['C'] = STAYS, ['D'] = STAYS, ['E'] = STAYS, ['F'] = STAYS,
    ['G'] = STAYS, ['H'] = STAYS, ['I'] = STAYS, ['J'] = STAYS, ['K'] = STAYS, ['L'] = STAYS,
    ['M'] = STAYS, ['N'] = STAYS, ['O'] = STAYS, ['P'] = STAYS, ['Q'] = STAYS, ['R'] = STAYS,
    ['S'] = STAYS, ['T'] = STAYS, ['U'] = STAYS, ['V'] = STAYS, ['W'] = STAYS, ['X'] = STAYS,
    ['Y'] = STAYS, ['Z'] = STAYS, ['_'] = STAYS, ['a'] = STAYS, ['b'] = STAYS, ['c'] = STAYS,
    ['d'] = STAYS, ['e'] = STAYS, ['f'] = STAYS, ['g'] = STAYS, ['h'] = STAYS, ['i'] = STAYS,
    ['j'] = STAYS, ['k'] = STAYS, ['l'] = STAYS, ['m'] = STAYS, ['n'] = STAYS, ['o'] = STAYS,
    ['p'] = STAYS, ['q'] = STAYS, ['r'] = STAYS, ['s'] = STAYS, ['t'] = STAYS, ['u'] = STAYS,
    ['v'] = STAYS, ['w'] = STAYS, ['x'] = STAYS, ['y'] = STAYS, ['z'] = STAYS, ['~'] = STAYS,
    ['/'] = SLASH,
};

static size_t kept_prefix(struct span bytes, unsigned kept)
{
    size_t i = 0;

    while (i < bytes.len && (kinds[(unsigned char)bytes.ptr[i]] & kept) != 0)
        i++;
    return i;
}

void buf_add_percent(struct buf *b, struct span bytes, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";

    while (bytes.len > 0) {
        const size_t kept = kept_prefix(bytes, keep_slash ? STAYS | SLASH : STAYS);
        unsigned char byte;

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
