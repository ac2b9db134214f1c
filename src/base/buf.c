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
        size_t need = b->len + n; /* at most max, so the sum cannot overflow */
        size_t cap = b->cap == 0 ? BUF_FIRST_BYTES : b->cap;

        while (cap < need)
            cap = cap > b->max / 2 ? b->max : cap * 2;
        b->cap = cap < b->max ? cap : b->max;
        b->ptr = xrealloc(b->ptr, b->cap);
    }
    return b->ptr == NULL ? NULL
                          : b->ptr + b->len; /* NULL: an empty buffer was asked for 0 bytes */
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

/* Bytes that are not percent-encoded: the unreserved ones, and the slash if the caller wants that.
 */
enum { KEEP = 1, SLASH = 2 };

static const unsigned char kinds[256] = {
    ['-'] = KEEP,  ['.'] = KEEP, ['0'] = KEEP, ['1'] = KEEP, ['2'] = KEEP, ['3'] = KEEP,
    ['4'] = KEEP,  ['5'] = KEEP, ['6'] = KEEP, ['7'] = KEEP, ['8'] = KEEP, ['9'] = KEEP,
    ['A'] = KEEP,  ['B'] = KEEP, ['C'] = KEEP, ['D'] = KEEP, ['E'] = KEEP, ['F'] = KEEP,
    ['G'] = KEEP,  ['H'] = KEEP, ['I'] = KEEP, ['J'] = KEEP, ['K'] = KEEP, ['L'] = KEEP,
    ['M'] = KEEP,  ['N'] = KEEP, ['O'] = KEEP, ['P'] = KEEP, ['Q'] = KEEP, ['R'] = KEEP,
    ['S'] = KEEP,  ['T'] = KEEP, ['U'] = KEEP, ['V'] = KEEP, ['W'] = KEEP, ['X'] = KEEP,
    ['Y'] = KEEP,  ['Z'] = KEEP, ['_'] = KEEP, ['a'] = KEEP, ['b'] = KEEP, ['c'] = KEEP,
    ['d'] = KEEP,  ['e'] = KEEP, ['f'] = KEEP, ['g'] = KEEP, ['h'] = KEEP, ['i'] = KEEP,
    ['j'] = KEEP,  ['k'] = KEEP, ['l'] = KEEP, ['m'] = KEEP, ['n'] = KEEP, ['o'] = KEEP,
    ['p'] = KEEP,  ['q'] = KEEP, ['r'] = KEEP, ['s'] = KEEP, ['t'] = KEEP, ['u'] = KEEP,
    ['v'] = KEEP,  ['w'] = KEEP, ['x'] = KEEP, ['y'] = KEEP, ['z'] = KEEP, ['~'] = KEEP,
    ['/'] = SLASH,
};

static size_t literal_prefix(struct span bytes, unsigned literal)
{
    size_t i = 0;

    while (i < bytes.len && (kinds[(unsigned char)bytes.ptr[i]] & literal) != 0)
        i++;
    return i;
}

void buf_add_percent(struct buf *b, struct span bytes, bool keep_slash)
{
    static const char hex[] = "0123456789ABCDEF";

    while (bytes.len > 0) {
        const size_t kept = literal_prefix(bytes, keep_slash ? KEEP | SLASH : KEEP);
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
