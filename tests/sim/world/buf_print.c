#include "buf_print.h"

#include <stdarg.h>
#include <stdio.h>

void buf_print(struct buf *out, const char *format, ...)
{
    va_list args, again;
    size_t len;
    char *to;

    va_start(args, format);
    va_copy(again, args);
    len = (size_t)vsnprintf(NULL, 0, format, args);
    to = buf_reserve(out, len + 1);
    if (to != NULL) {
        vsnprintf(to, len + 1, format, again);
        out->len += len;
    }
    va_end(again);
    va_end(args);
}
