/* json_string.c - writes JSON strings. This is the only file that uses json-c. */
#include "podop/json_value.h"

#include <json-c/json.h>

void json_add_string(struct buf *out, struct span text)
{
    struct json_object *string = json_object_new_string_len(text.ptr, (int)text.len);
    size_t len;
    const char *json = json_object_to_json_string_length(
        string, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &len);

    buf_add(out, (struct span){json, len});
    json_object_put(string);
}

void json_add_bytes(struct buf *out, struct span bytes)
{
    size_t good = span_utf8_prefix(bytes);
    struct buf mended;

    if (good == bytes.len) {
        json_add_string(out, bytes);
        return;
    }
    buf_init(&mended, BUF_LIMITED_BY_INPUT);
    while (good < bytes.len) {
        buf_add(&mended, (struct span){bytes.ptr, good});
        buf_add(&mended, SPAN("\xef\xbf\xbd"));
        bytes = span_skip(bytes, good + 1);
        good = span_utf8_prefix(bytes);
    }
    buf_add(&mended, bytes);
    json_add_string(out, buf_span(&mended));
    buf_deinit(&mended);
}
