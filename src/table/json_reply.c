#include "json_reply.h"

#include "podop/json_value.h"
#include "podop/word.h"

#include "json/json_token.h"

/* Returns whether a scalar is false. No number begins with this letter. */
static bool is_false(struct span scalar)
{
    return *scalar.ptr == 'f';
}

/* Appends the items of an array of scalars, joined by ','. Leaves null and false out. Returns false
 * if one of them is an array or an object. */
static bool join(struct buf *out, struct span array)
{
    struct json_cursor cursor = json_walk(array);
    struct span name, item;
    bool is_first = true;

    while (json_next(&cursor, &name, &item)) {
        enum json_kind kind = json_kind(item);

        if (kind == JSON_ARRAY || kind == JSON_OBJECT)
            return false;
        if (kind == JSON_NULL || is_false(item))
            continue;
        if (!is_first)
            buf_add_char(out, ',');
        is_first = false;
        if (kind == JSON_STRING)
            json_add_text(out, item);
        else
            buf_add(out, item);
    }
    return true;
}

static struct span trim(struct span s)
{
    s = json_skip_space(s);
    while (s.len > 0 && json_is_space(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

void json_reply(struct span value, struct buf *scratch, struct reply *reply)
{
    size_t compact_len;
    bool is_list;

    value = trim(value);
    *reply = (struct reply){.status = REPLY_FOUND};
    switch (json_kind(value)) {
    case JSON_NULL: reply->status = REPLY_MISS; return;
    case JSON_SCALAR:
        reply->dict_value = value;
        reply->map_value = is_false(value) ? SPAN("") : value;
        return;
    case JSON_STRING:
        json_add_text(scratch, value);
        reply->map_value = reply->dict_value = buf_span(scratch);
        return;
    case JSON_OBJECT:
        json_add_compact(scratch, value);
        reply->map_value = reply->dict_value = buf_span(scratch);
        return;
    case JSON_ARRAY:
        json_add_compact(scratch, value);
        compact_len = scratch->len;
        is_list = join(scratch, value);
        reply->dict_value = (struct span){scratch->ptr, compact_len};
        reply->map_value = is_list ? span_skip(buf_span(scratch), compact_len) : reply->dict_value;
        return;
    }
}

/* Returns whether one of the eight bytes is a quote, a backslash or a control byte. */
static inline bool has_special(uint64_t word)
{
    return word_has_below(word, 0x20) || word_has(word, '"') || word_has(word, '\\');
}

/* Returns whether s, the inside of a string, is valid and has no escapes. */
static bool is_literal(struct span s)
{
    char last[WORD_BYTES];
    struct span rest = s;
    uint64_t all = 0;

    for (; rest.len >= WORD_BYTES; rest = span_skip(rest, WORD_BYTES)) {
        const uint64_t word = word_load(rest.ptr);

        if (has_special(word))
            return false;
        all |= word;
    }
    memset(last, ' ', sizeof(last));
    memcpy(last, rest.ptr, rest.len);
    all |= word_load(last);
    return !has_special(word_load(last)) && (word_is_ascii(all) || span_is_utf8(s));
}

bool json_reply_plain(struct span text, struct reply *reply)
{
    text = trim(text);
    if (text.len < 2 || *text.ptr != '"' || text.ptr[text.len - 1] != '"')
        return false;
    text = (struct span){text.ptr + 1, text.len - 2};
    if (!is_literal(text))
        return false;
    *reply = (struct reply){.status = REPLY_FOUND, .map_value = text, .dict_value = text};
    return true;
}
