/* The first two bytes are the maximum length of a line, the others the input. */
#include "fuzz.h"

#include "podop/tabline.h"

static void check_field(struct span field)
{
    struct buf bytes, wire, again;

    buf_init(&bytes, SIZE_MAX);
    buf_init(&wire, SIZE_MAX);
    buf_init(&again, SIZE_MAX);
    tabline_unescape(&bytes, field);
    PROMISE(bytes.len <= field.len);
    tabline_escape(&wire, buf_span(&bytes));
    for (size_t i = 0; i < wire.len; i++)
        PROMISE(memchr("\t\r\n", wire.ptr[i], 4) == NULL); /* and no NUL */
    tabline_unescape(&again, buf_span(&wire));
    PROMISE(span_equal(buf_span(&again), buf_span(&bytes)));
    buf_deinit(&bytes);
    buf_deinit(&wire);
    buf_deinit(&again);
}

static void check_line(struct span line)
{
    struct span rest = line, field;
    const char *at = line.ptr;

    while (tabline_next(&rest, &field)) {
        PROMISE(field.ptr == at && !span_has_byte(field, '\t'));
        check_field(field);
        at += field.len + 1;
    }
    PROMISE(at == line.ptr + line.len + 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span wire = {(const char *)data, size}, line, prefix;
    size_t used = 0, max;
    enum parse got;

    if (size < 2)
        return 0;
    max = (size_t)data[0] << 8 | data[1];
    wire = span_skip(wire, 2);
    while ((got = tabline_parse(wire, max, &line, &used)) == PARSE_DONE) {
        PROMISE(line.ptr == wire.ptr && used == line.len + 1 && line.len <= max);
        for (prefix = wire, prefix.len = 0; prefix.len < used; prefix.len++)
            PROMISE(tabline_parse(prefix, max, &line, &(size_t){0}) == PARSE_MORE);
        PROMISE(tabline_parse(wire, max, &line, &used) == PARSE_DONE);
        check_line(line);
        wire = span_skip(wire, used);
    }
    PROMISE((got == PARSE_BAD) == (wire.len > max));
    return 0;
}
