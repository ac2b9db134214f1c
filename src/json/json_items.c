#include "podop/json_items.h"

#include "podop/json_value.h"

static size_t space_len(struct span s)
{
    size_t i = 0;

    while (i < s.len &&
           (s.ptr[i] == ' ' || s.ptr[i] == '\t' || s.ptr[i] == '\n' || s.ptr[i] == '\r'))
        i++;
    return i;
}

static enum parse bad(struct error *err, const char *what)
{
    error_set(err, ERR_INPUT, "%s", what);
    return PARSE_BAD;
}

/* Takes the value at *at, and moves *at to its end. */
static enum parse take_value(struct span in, size_t *at, struct span *value, struct error *err)
{
    size_t len;

    *at += space_len(span_skip(in, *at));
    *value = span_skip(in, *at);
    len = json_extent(*value);
    if (len == 0)
        return PARSE_MORE;
    value->len = len;
    *at += len;
    return json_check(*value, err) == -1 ? PARSE_BAD : PARSE_DONE;
}

static enum parse take_item(const struct json_items *items, struct span in, struct span *name,
                            struct span *value, size_t *used, struct error *err)
{
    size_t at = 0;
    enum parse parsed = take_value(in, &at, name, err);

    if (parsed != PARSE_DONE)
        return parsed;
    if (json_kind(*name) != JSON_STRING)
        return bad(err, "a name that is not a string");
    if (items->is_object) {
        at += space_len(span_skip(in, at));
        if (at == in.len)
            return PARSE_MORE;
        if (in.ptr[at] != ':')
            return bad(err, "a name without a value");
        at++;
        parsed = take_value(in, &at, value, err);
    }
    if (parsed == PARSE_DONE)
        *used += at;
    return parsed;
}

/* Takes a byte of punctuation, and moves to the phase after it. */
static enum parse step(struct json_items *items, char c, struct error *err)
{
    char closing = items->is_object ? '}' : ']';

    switch (items->phase) {
    case JSON_ITEMS_START:
    case JSON_ITEMS_OPEN:
        if (c != '[' && c != '{')
            return bad(err, "expected an array of names or an object");
        items->is_object = c == '{';
        items->phase = JSON_ITEMS_FIRST;
        return PARSE_DONE;
    case JSON_ITEMS_COMMA:
        if (c != ',' && c != closing)
            return bad(err, "expected a comma or a closing bracket after a name");
        items->phase = c == ',' ? JSON_ITEMS_ITEM : JSON_ITEMS_END;
        return PARSE_DONE;
    case JSON_ITEMS_FIRST: items->phase = JSON_ITEMS_END; return PARSE_DONE;
    case JSON_ITEMS_ITEM:
    case JSON_ITEMS_END: break;
    }
    return bad(err, "text after the end");
}

/* Takes a byte order mark, which only the beginning of the text may have. */
static enum parse take_mark(struct json_items *items, struct span in, size_t *used)
{
    const struct span mark = SPAN("\xef\xbb\xbf");

    if (in.len < mark.len && span_starts_with(mark, in))
        return PARSE_MORE;
    items->phase = JSON_ITEMS_OPEN;
    *used = span_starts_with(in, mark) ? mark.len : 0;
    return PARSE_DONE;
}

enum parse json_items_next(struct json_items *items, struct span in, struct span *name,
                           struct span *value, size_t *used, struct error *err)
{
    *used = 0;
    if (items->phase == JSON_ITEMS_START && take_mark(items, in, used) == PARSE_MORE)
        return PARSE_MORE;
    for (;;) {
        char closing = items->is_object ? '}' : ']';
        struct span rest = span_skip(in, *used);
        size_t space = space_len(rest);

        *used += space;
        rest = span_skip(rest, space);
        if (rest.len == 0)
            return PARSE_MORE;
        if (items->phase == JSON_ITEMS_ITEM ||
            (items->phase == JSON_ITEMS_FIRST && *rest.ptr != closing)) {
            enum parse parsed = take_item(items, rest, name, value, used, err);

            if (parsed == PARSE_DONE)
                items->phase = JSON_ITEMS_COMMA;
            return parsed;
        }
        if (step(items, *rest.ptr, err) == PARSE_BAD)
            return PARSE_BAD;
        ++*used;
    }
}
