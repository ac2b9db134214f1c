/* span.h - bytes that somebody else owns: a pointer and a length, no NUL at the end. */
#ifndef PODOP_SPAN_H
#define PODOP_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct span {
    const char *ptr; /* may be NULL when len is 0 */
    size_t len;
};

#define SPAN(literal) ((struct span){(literal), sizeof(literal) - 1})

static inline struct span span_of(const char *text)
{
    return (struct span){text, strlen(text)};
}

static inline bool span_equal(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_starts_with(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* What is behind the first n bytes; n must be at most s.len. */
static inline struct span span_skip(struct span s, size_t n)
{
    return (struct span){s.len == 0 ? s.ptr : s.ptr + n, s.len - n};
}

static inline bool span_has_byte(struct span s, char byte)
{
    return s.len > 0 && memchr(s.ptr, byte, s.len) != NULL;
}

/* The number of bytes (1 to 4) of the well-formed UTF-8 character at the front of s, which is not
 * empty, or 0 where there is none. */
size_t span_utf8_char(struct span s);

/* How many bytes at the front of s are valid UTF-8 (RFC 3629: no overlong forms, no surrogates,
 * nothing above U+10FFFF). NUL is valid. */
size_t span_utf8_prefix(struct span s);

static inline bool span_is_utf8(struct span s)
{
    return span_utf8_prefix(s) == s.len;
}

#endif
