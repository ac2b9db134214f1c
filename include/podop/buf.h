/* buf.h - a byte buffer that grows up to a maximum. An addition that does not fit changes nothing
 * and sets is_over. The mark is sticky, so one check after the last addition is enough. */
#ifndef PODOP_BUF_H
#define PODOP_BUF_H

#include "podop/span.h"

#include <stdint.h>
#include <stdlib.h>

struct buf {
    char *ptr;
    size_t len, cap, max; /* bytes; cap is what is allocated, never above max */
    bool is_over;         /* an addition did not fit: the content is incomplete */
};

/* For buf_init(): no maximum of its own. Every byte of the content comes from an input that is
 * limited already, and takes a bounded number of bytes here. */
#define BUF_LIMITED_BY_INPUT SIZE_MAX

/* Sets the maximum in bytes. Allocates nothing yet. */
static inline void buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

/* Frees the memory and leaves b as after buf_init(). */
static inline void buf_deinit(struct buf *b)
{
    if (b->ptr != NULL) /* saves the call in the usual case */
        free(b->ptr);
    buf_init(b, b->max);
}

void buf_add_uint(struct buf *b, uint64_t n); /* in decimal */
/* Adds each byte as %XX, except A-Z a-z 0-9 - . _ ~ and, with keep_slash, / (RFC 3986 section
 * 2.3). */
void buf_add_percent(struct buf *b, struct span bytes, bool keep_slash);

char *buf_grow(struct buf *b, size_t n); /* the slow path of buf_reserve() */

void buf_drop(struct buf *b, size_t n); /* removes the first n bytes; n is at most len */
void buf_clear(struct buf *b);          /* removes all bytes and the mark, keeps the memory */

/* Returns the content as a C string, or NULL when is_over. Borrowed until the next change. */
const char *buf_string(struct buf *b);

/* Returns room for n more bytes after the content, or NULL, with is_over set, when the maximum
 * does not allow them. The caller writes there, then adds the number of written bytes to len. */
static inline char *buf_reserve(struct buf *b, size_t n)
{
    return n < b->cap - b->len && !b->is_over ? b->ptr + b->len : buf_grow(b, n);
}

static inline void buf_add(struct buf *b, struct span bytes)
{
    char *to = buf_reserve(b, bytes.len);

    if (to == NULL || bytes.len == 0)
        return;
    memcpy(to, bytes.ptr, bytes.len);
    b->len += bytes.len;
}

static inline void buf_add_char(struct buf *b, char c)
{
    char *to = buf_reserve(b, 1);

    if (to == NULL)
        return;
    *to = c;
    b->len++;
}

static inline struct span buf_span(const struct buf *b)
{
    return (struct span){b->ptr, b->len};
}

#endif
