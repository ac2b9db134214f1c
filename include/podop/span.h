/* span.h - a borrowed sequence of bytes: a pointer and a length, without a NUL at the end. */
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
    /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): only an empty span may be NULL */
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

static inline bool span_starts_with(struct span s, struct span prefix)
{
    return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.ptr, prefix.ptr, prefix.len) == 0);
}

/* Returns s without its first n bytes; n must be at most s.len. */
static inline struct span span_skip(struct span s, size_t n)
{
    return (struct span){s.len == 0 ? s.ptr : s.ptr + n, s.len - n};
}

static inline bool span_has_byte(struct span s, char byte)
{
    return s.len > 0 && memchr(s.ptr, byte, s.len) != NULL;
}

/* Returns the length (1 to 4 bytes) of the well-formed UTF-8 character at the beginning of s, or 0
 * if there is none. s must not be empty. */
size_t span_utf8_char(struct span s);

/* Returns how many bytes at the beginning of s are valid UTF-8 (RFC 3629: no overlong forms, no
 * surrogates, nothing above U+10FFFF). NUL is valid. */
size_t span_utf8_prefix(struct span s);

static inline bool span_is_utf8(struct span s)
{
    return span_utf8_prefix(s) == s.len;
}

#endif
