/* A JSON pointer, a line feed, and the text; without a line feed all is text. */
#include "fuzz.h"

#include "podop/json_value.h"

#include "podop/mem.h"

#include "table/json_reply.h"
#include "table/url/url_error.h"

static bool is_json(struct span text)
{
    struct error err = {0};
    int status = json_check(text, &err);

    PROMISE((status == 0) == (err.kind == ERR_NONE));
    PROMISE(status == 0 || err.text[0] != '\0');
    return status == 0;
}

static bool is_inside(struct span part, struct span whole)
{
    return part.ptr >= whole.ptr && part.ptr + part.len <= whole.ptr + whole.len;
}

/* Checks that every part of a value is a value itself, and that all parts are visited. */
static void walk(struct span value)
{
    struct json_cursor cursor;
    struct span name = {NULL, 0}, child;

    PROMISE(is_json(value));
    switch (json_kind(value)) {
    case JSON_NULL:
    case JSON_SCALAR: return;
    case JSON_STRING: {
        struct buf text;

        buf_init(&text, SIZE_MAX);
        json_add_text(&text, value);
        PROMISE(span_is_utf8(buf_span(&text)));
        PROMISE(text.len + 2 <= value.len);
        buf_deinit(&text);
        return;
    }
    case JSON_ARRAY:
    case JSON_OBJECT: break;
    }
    cursor = json_walk(value);
    while (json_next(&cursor, &name, &child)) {
        PROMISE(is_inside(child, value) && child.len > 0);
        if (cursor.is_object) {
            PROMISE(is_inside(name, value) && json_kind(name) == JSON_STRING);
            walk(name);
        }
        walk(child);
    }
}

static void check_reply(struct span text, struct span compact)
{
    struct reply reply = {.status = REPLY_PERMANENT}, plain;
    enum json_kind kind = json_kind(text);
    struct buf scratch;

    buf_init(&scratch, SIZE_MAX);
    json_reply(text, &scratch, &reply);
    PROMISE(reply.status == (kind == JSON_NULL ? REPLY_MISS : REPLY_FOUND));
    if (kind == JSON_SCALAR || kind == JSON_ARRAY || kind == JSON_OBJECT)
        PROMISE(span_equal(reply.dict_value, compact));
    if (span_equal(compact, SPAN("false")))
        PROMISE(reply.map_value.len == 0);
    else if (kind != JSON_ARRAY)
        PROMISE(span_equal(reply.dict_value, reply.map_value));
    PROMISE(span_is_utf8(reply.map_value) && span_is_utf8(reply.dict_value));
    if (json_reply_plain(text, &plain))
        PROMISE(kind == JSON_STRING && span_equal(plain.map_value, reply.map_value) &&
                span_equal(plain.dict_value, reply.dict_value));
    buf_deinit(&scratch);
}

/* A failure is told in the whole text if and only if it is told in the member that the pointer
 * enters, unless that member is there twice. */
static void check_error(struct span text, struct span pointer)
{
    char *const where = xmemdup0(pointer.ptr, pointer.len);
    char whole[URL_ERROR_BYTES], part[URL_ERROR_BYTES];
    struct json_cursor cursor = json_walk(text);
    const bool has_failed = url_error_find(where, text, whole);
    struct span name, value;
    bool is_told = false;

    while (json_kind(text) == JSON_OBJECT && json_next(&cursor, &name, &value)) {
        if (url_error_is_member(where, name, value, &is_told, part))
            break;
    }
    PROMISE(json_kind(text) != JSON_OBJECT || is_told == has_failed);
    PROMISE(!is_told || strcmp(whole, part) == 0);
    free(where);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size}, part;
    struct span pointer = {text.ptr, 0};
    const char *end = size == 0 ? NULL : memchr(data, '\n', size);
    struct buf compact, again;
    struct reply reply;

    if (end != NULL && *data == '/') { /* the configuration accepts no other */
        pointer.len = (size_t)(end - text.ptr);
        text = span_skip(text, pointer.len + 1);
    }
    if (!is_json(text)) {
        PROMISE(!json_reply_plain(text, &reply));
        return 0;
    }
    buf_init(&compact, SIZE_MAX);
    buf_init(&again, SIZE_MAX);
    json_add_compact(&compact, text);
    PROMISE(compact.len <= text.len);
    json_add_compact(&again, buf_span(&compact));
    PROMISE(span_equal(buf_span(&compact), buf_span(&again)));
    PROMISE(json_kind(text) == json_kind(buf_span(&compact)));
    check_reply(text, buf_span(&compact));
    walk(buf_span(&compact)); /* which checks the compact form, too */
    if (pointer.len > 0 && !span_has_byte(pointer, '\0'))
        check_error(text, pointer);
    part = text;
    if (json_select(&part, pointer)) {
        PROMISE(is_inside(part, text));
        walk(part);
    }
    buf_deinit(&compact);
    buf_deinit(&again);
    return 0;
}
