/* json_select.c - JSON pointers (RFC 6901). */
#include "json_value_private.h"

#include "json_token.h"

/* Appends a reference token of a JSON pointer with ~1 and ~0 decoded. */
static void add_token(struct buf *out, struct span token)
{
    for (size_t i = 0; i < token.len; i++) {
        bool is_escape = token.ptr[i] == '~' && i + 1 < token.len;

        if (is_escape && token.ptr[i + 1] == '1')
            buf_add_char(out, '/');
        else if (is_escape && token.ptr[i + 1] == '0')
            buf_add_char(out, '~');
        else
            buf_add_char(out, token.ptr[i]);
        i += is_escape;
    }
}

/* Returns whether name, a string with its quotes, decodes to wanted. Uses scratch. */
static bool is_named(struct span name, struct span wanted, struct buf *scratch)
{
    struct span inside = {name.ptr + 1, name.len - 2};

    if (!span_has_byte(inside, '\\'))
        return span_equal(inside, wanted);
    buf_clear(scratch);
    json_add_text(scratch, name);
    return span_equal(buf_span(scratch), wanted);
}

/* Parses an array index (RFC 6901 section 4): "0", or digits without a leading zero. 19 digits are
 * more than any array has items. */
static bool parse_index(struct span token, size_t *index)
{
    if (token.len == 0 || token.len > 19 || json_digits(token, 0) != token.len ||
        (token.len > 1 && *token.ptr == '0'))
        return false;
    *index = 0;
    for (size_t i = 0; i < token.len; i++)
        *index = *index * 10 + (size_t)(token.ptr[i] - '0');
    return true;
}

static bool select_item(struct span *value, struct json_cursor *cursor, size_t index)
{
    struct span name;

    for (; json_next_begin(cursor, &name); index--) {
        if (index == 0) {
            *value = cursor->rest;
            return true;
        }
        json_take(&cursor->rest);
    }
    return false;
}

static bool select_member(struct span *value, struct json_cursor *cursor, struct span token)
{
    struct span name;
    struct buf wanted, scratch;
    bool is_found = false;

    buf_init(&wanted, token.len);
    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    add_token(&wanted, token);
    while (!is_found && json_next_begin(cursor, &name)) {
        is_found = is_named(name, buf_span(&wanted), &scratch);
        if (is_found)
            *value = cursor->rest;
        else
            json_take(&cursor->rest);
    }
    buf_deinit(&wanted);
    buf_deinit(&scratch);
    return is_found;
}

/* Moves the beginning of *value to the child that token names, and leaves its end. Returns false
 * when there is no such child. */
static bool select_child(struct span *value, struct span token)
{
    enum json_kind kind = json_kind(*value);
    struct json_cursor cursor = json_walk(*value);
    size_t index;

    if (kind == JSON_OBJECT)
        return select_member(value, &cursor, token);
    return kind == JSON_ARRAY && parse_index(token, &index) && select_item(value, &cursor, index);
}

/* Returns the first token of a pointer, which begins with '/', as every token does. */
static struct span first_token(struct span pointer)
{
    struct span token = span_skip(pointer, 1);
    const char *slash = token.len == 0 ? NULL : memchr(token.ptr, '/', token.len);

    if (slash != NULL)
        token.len = (size_t)(slash - token.ptr);
    return token;
}

bool json_pointer_enters(struct span *pointer, struct span name)
{
    const struct span token = first_token(*pointer);
    struct buf wanted, scratch;
    bool is_same;

    buf_init(&wanted, token.len);
    buf_init(&scratch, BUF_LIMITED_BY_INPUT);
    add_token(&wanted, token);
    is_same = is_named(name, buf_span(&wanted), &scratch);
    buf_deinit(&wanted);
    buf_deinit(&scratch);
    if (is_same)
        *pointer = span_skip(*pointer, 1 + token.len);
    return is_same;
}

bool json_select(struct span *value, struct span pointer)
{
    bool is_part = false;

    while (pointer.len > 0) {
        const struct span token = first_token(pointer);

        if (!select_child(value, token))
            return false;
        is_part = true;
        pointer = span_skip(pointer, 1 + token.len);
    }
    if (is_part) /* only the last value needs its end */
        *value = json_take(&(struct span){value->ptr, value->len});
    return true;
}
