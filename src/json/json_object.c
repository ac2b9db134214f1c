#include "podop/json_object.h"

#include "podop/json_value.h"

void json_add_comma(struct buf *out)
{
    if (out->len > 0 && out->ptr[out->len - 1] != '{' && out->ptr[out->len - 1] != '[')
        buf_add_char(out, ',');
}

void json_add_name(struct buf *out, const char *name)
{
    json_add_comma(out);
    buf_add_char(out, '"');
    buf_add(out, span_of(name));
    buf_add(out, SPAN("\":"));
}

void json_add_number(struct buf *out, const char *name, uint64_t n)
{
    json_add_name(out, name);
    buf_add_uint(out, n);
}

void json_add_flag(struct buf *out, const char *name, bool is_true)
{
    json_add_name(out, name);
    buf_add(out, is_true ? SPAN("true") : SPAN("false"));
}

void json_add_member(struct buf *out, const char *name, struct span bytes)
{
    json_add_name(out, name);
    json_add_bytes(out, bytes);
}
