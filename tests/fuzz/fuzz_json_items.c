/* The first byte seeds the random choices where the text after it is cut. The items must be those
 * of the text in one piece, and for a valid text also those of json_walk(). */
#include "fuzz.h"

#include "podop/json_items.h"
#include "podop/json_value.h"

static unsigned chance;

static size_t choose(size_t below)
{
    chance = chance * 1103515245 + 12345;
    return (chance >> 16) % below;
}

static void add_item(struct buf *out, bool is_object, struct span name, struct span value)
{
    buf_add(out, name);
    if (is_object) {
        buf_add_char(out, ':');
        buf_add(out, value);
    }
    buf_add_char(out, '\n');
}

/* Returns true if the text was complete, false if it was bad or ended early. */
static bool read_items(struct span text, bool is_cut, struct buf *out)
{
    struct json_items items = {.phase = JSON_ITEMS_START};
    enum parse parsed = PARSE_MORE;
    struct error err = {0};
    struct buf kept;

    buf_init(&kept, SIZE_MAX);
    while (text.len > 0 && parsed == PARSE_MORE) {
        size_t len = is_cut ? 1 + choose(text.len < 20 ? text.len : 20) : text.len;

        buf_add(&kept, (struct span){text.ptr, len});
        text = span_skip(text, len);
        do {
            struct span name, value = {NULL, 0};
            size_t used;

            parsed = json_items_next(&items, buf_span(&kept), &name, &value, &used, &err);
            PROMISE(used <= kept.len);
            if (parsed == PARSE_DONE) {
                PROMISE(json_check(name, &err) == 0 && json_kind(name) == JSON_STRING);
                PROMISE(!items.is_object || json_check(value, &err) == 0);
                add_item(out, items.is_object, name, value);
            }
            buf_drop(&kept, used);
        } while (parsed == PARSE_DONE);
        PROMISE((parsed == PARSE_BAD) == (err.kind != ERR_NONE));
    }
    buf_deinit(&kept);
    return parsed == PARSE_MORE && items.phase == JSON_ITEMS_END;
}

/* Writes the expected items of a text that json_check() accepts. Returns false if the text is not a
 * list of names. */
static bool walk_items(struct span text, struct buf *out)
{
    enum json_kind kind = json_kind(text);
    struct json_cursor cursor;
    struct span name, value;

    if (kind != JSON_ARRAY && kind != JSON_OBJECT)
        return false;
    cursor = json_walk(text);
    while (json_next(&cursor, &name, &value)) {
        if (kind == JSON_ARRAY && json_kind(value) != JSON_STRING)
            return false;
        add_item(out, kind == JSON_OBJECT, kind == JSON_OBJECT ? name : value, value);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span text = {(const char *)data, size};
    struct buf whole, cut, walked;
    struct error err = {0};
    bool is_good;

    if (size == 0)
        return 0;
    chance = data[0];
    text = span_skip(text, 1);
    buf_init(&whole, SIZE_MAX);
    buf_init(&cut, SIZE_MAX);
    buf_init(&walked, SIZE_MAX);
    is_good = read_items(text, false, &whole);
    for (int i = 0; i < 3; i++) {
        buf_clear(&cut);
        PROMISE(read_items(text, true, &cut) == is_good);
        PROMISE(span_equal(buf_span(&whole), buf_span(&cut)));
    }
    if (json_check(text, &err) == 0) {
        PROMISE(walk_items(text, &walked) == is_good);
        PROMISE(!is_good || span_equal(buf_span(&whole), buf_span(&walked)));
    }
    buf_deinit(&whole);
    buf_deinit(&cut);
    buf_deinit(&walked);
    return 0;
}
