/* buf.h - bytes that we build. A buffer is born with a maximum; what would not fit sets a sticky
 * mark instead of growing or cutting, so one check at the end is enough. */
#ifndef PODOP_BUF_H
#define PODOP_BUF_H

#include "podop/span.h"

#include <stdint.h>
#include <stdlib.h>

struct buf {
    char *ptr;
    size_t len, cap, max; /* bytes; cap is what is allocated, never above max */
    bool is_over;         /* something did not fit: the content is not to be used */
};

static inline void buf_init(struct buf *b, size_t max) /* allocates nothing yet */
{
    *b = (struct buf){.max = max};
}

static inline void buf_deinit(struct buf *b) /* b is as after buf_init() */
{
    if (b->ptr != NULL) /* mostly there is nothing to free */
        free(b->ptr);
    buf_init(b, b->max);
}

void buf_add_uint(struct buf *b, uint64_t n); /* decimal */
/* Each byte as %XX but for A-Z a-z 0-9 - . _ ~ and, with keep_slash, / (RFC 3986 section 2.3). */
void buf_add_percent(struct buf *b, struct span bytes, bool keep_slash);

char *buf_grow(struct buf *b, size_t n); /* buf_reserve(), where the memory may not do */

void buf_drop(struct buf *b, size_t n); /* the first n bytes, n <= len */
void buf_clear(struct buf *b);          /* forgets bytes and mark, keeps the memory */

/* With a NUL behind it; NULL when is_over. Borrowed, until the next change. */
const char *buf_string(struct buf *b);

/* Room for n more bytes behind len, or NULL (and is_over) when that would be above max. Write
 * there, then add to len what was written. */
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
