/* fold.c - the only file that calls libunistring. */
#include "fold.h"

#include "ascii.h"

#include <unicase.h>

static void fold_ascii(struct span text, struct buf *out)
{
    char *to = buf_reserve(out, text.len);

    if (to == NULL || text.len == 0)
        return;
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        to[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    out->len += text.len;
}

void fold_case(struct span text, struct buf *out)
{
    size_t len = 0;
    uint8_t *folded;

    if (ascii_only(text) || !span_is_utf8(text)) {
        fold_ascii(text, out);
        return;
    }
    folded = u8_casefold((const uint8_t *)text.ptr, text.len, NULL, NULL, NULL, &len);
    if (folded == NULL)
        abort(); /* no memory: as in xmalloc() */
    buf_add(out, (struct span){(const char *)folded, len});
    free(folded);
}
