#include "url_error.h"

#include "podop/json_value.h"

#include <stdio.h>

/* A text is searched for in so many arrays and objects, each inside of the one before. */
enum { DEPTH_MAX = 4 };

/* Returns whether a number is 0, in any spelling. */
static bool is_zero(struct span number)
{
    size_t i = 0;

    while (i < number.len && number.ptr[i] != '\0' && strchr("-0.", number.ptr[i]) != NULL)
        i++;
    return i == number.len || number.ptr[i] == 'e' || number.ptr[i] == 'E';
}

static bool is_empty_container(struct span value)
{
    struct json_cursor cursor = json_walk(value);
    struct span name, child;

    return !json_next(&cursor, &name, &child);
}

/* Returns whether value reports a failure. It begins with its first byte. */
static bool is_reported(struct span value)
{
    switch (json_kind(value)) {
    case JSON_NULL: return false;
    case JSON_STRING: return value.len > strlen("\"\"");
    case JSON_SCALAR: return *value.ptr != 'f' && !is_zero(value);
    case JSON_ARRAY:
    case JSON_OBJECT: return !is_empty_container(value);
    }
    return true;
}

/* Reduces an array or object to its first string, or else to its first value. Returns false if it
 * is empty. */
static bool enter(struct span *value)
{
    struct json_cursor cursor = json_walk(*value);
    struct span name, child, first = SPAN("");

    while (json_next(&cursor, &name, &child)) {
        if (first.len == 0)
            first = child;
        if (json_kind(child) == JSON_STRING) {
            first = child;
            break;
        }
    }
    *value = first;
    return first.len > 0;
}

static bool find_text(struct span value, struct buf *text)
{
    for (int depth = 0; depth < DEPTH_MAX; depth++) {
        const enum json_kind kind = json_kind(value);

        if (kind == JSON_STRING) {
            json_add_text(text, value);
            return text->len > 0;
        }
        if ((kind != JSON_ARRAY && kind != JSON_OBJECT) || !enter(&value))
            return false;
    }
    return false;
}

static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text < ' ' || *text > '~')
            *text = '?';
    }
}

static void print_why(const char *pointer, struct span value, char why[URL_ERROR_BYTES])
{
    struct buf text;

    buf_init(&text, BUF_LIMITED_BY_INPUT);
    if (find_text(value, &text))
        snprintf(why, URL_ERROR_BYTES, "the backend reports a failure at %s: %.*s", pointer,
                 text.len < URL_ERROR_BYTES ? (int)text.len : URL_ERROR_BYTES, text.ptr);
    else
        snprintf(why, URL_ERROR_BYTES, "the backend reports a failure at %s", pointer);
    clean(why);
    buf_deinit(&text);
}

/* Finds what rest, the end of pointer, leads to in value. */
static bool find(const char *pointer, struct span rest, struct span value,
                 char why[URL_ERROR_BYTES])
{
    if (!json_select(&value, rest) || !is_reported(value))
        return false;
    print_why(pointer, value, why);
    return true;
}

bool url_error_find(const char *pointer, struct span body, char why[URL_ERROR_BYTES])
{
    return find(pointer, span_of(pointer), body, why);
}

bool url_error_is_member(const char *pointer, struct span name, struct span value, bool *has_failed,
                         char why[URL_ERROR_BYTES])
{
    struct span rest = span_of(pointer);

    if (!json_pointer_enters(&rest, name))
        return false;
    *has_failed = find(pointer, rest, value, why);
    return true;
}
