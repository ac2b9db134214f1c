#include "status_json_value.h"

#include "podop/json_object.h"

#include <inttypes.h>
#include <stdio.h>

void json_add_raw(struct buf *out, const char *text)
{
    buf_add(out, span_of(text));
}

void json_begin_item(struct buf *out, size_t i)
{
    if (i > 0)
        buf_add_char(out, ',');
}

void json_add_null(struct buf *out, const char *name)
{
    json_add_name(out, name);
    json_add_raw(out, "null");
}

void json_add_known(struct buf *out, const char *name, int64_t n)
{
    if (n < 0)
        json_add_null(out, name);
    else
        json_add_number(out, name, (uint64_t)n);
}

void json_add_time(struct buf *out, const char *name, time_t at)
{
    if (at == 0)
        json_add_null(out, name);
    else
        json_add_number(out, name, (uint64_t)at);
}

void json_add_thousandths(struct buf *out, const char *name, uint64_t n)
{
    char text[32];

    snprintf(text, sizeof(text), "%" PRIu64 ".%03u", n / 1000, (unsigned)(n % 1000));
    json_add_name(out, name);
    json_add_raw(out, text);
}
