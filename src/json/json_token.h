/* json_token.h - the tokens of a JSON text: white space, punctuation, strings, numbers and words.
 * Used by the files that read JSON. */
#ifndef PODOP_JSON_JSON_TOKEN_H
#define PODOP_JSON_JSON_TOKEN_H

#include "podop/span.h"

enum { JSON_SPACE = 1, JSON_PUNCTUATION = 2, JSON_QUOTE = 4 };

/* The bytes that end a number or a word. */
static const unsigned char json_classes[256] = {
    [' '] = JSON_SPACE,       ['\t'] = JSON_SPACE,      ['\n'] = JSON_SPACE,
    ['\r'] = JSON_SPACE,      [','] = JSON_PUNCTUATION, [':'] = JSON_PUNCTUATION,
    ['['] = JSON_PUNCTUATION, [']'] = JSON_PUNCTUATION, ['{'] = JSON_PUNCTUATION,
    ['}'] = JSON_PUNCTUATION, ['"'] = JSON_QUOTE,
};

static inline unsigned json_class(char c)
{
    return json_classes[(unsigned char)c];
}

static inline bool json_is_space(char c)
{
    return json_class(c) == JSON_SPACE;
}

static inline bool json_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline struct span json_skip_space(struct span s)
{
    size_t i = 0;

    while (i < s.len && json_is_space(s.ptr[i]))
        i++;
    return span_skip(s, i);
}

/* Returns the length of the string that s begins with, including both quotes, or 0 when its end is
 * missing. */
static inline size_t json_string_len(struct span s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        if (s.ptr[i] == '\\')
            i++;
    }
    return 0;
}

/* Returns the length of the number or word that s begins with. */
static inline size_t json_word_len(struct span s)
{
    size_t i = 0;

    while (i < s.len && json_class(s.ptr[i]) == 0)
        i++;
    return i;
}

static inline size_t json_digits(struct span s, size_t at)
{
    size_t i = at;

    while (i < s.len && json_is_digit(s.ptr[i]))
        i++;
    return i - at;
}

/* Returns the code unit of the \uXXXX that s begins with, or -1. */
static inline long json_code_unit(struct span s)
{
    long code = 0;

    if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        char lower = (char)(s.ptr[i] | 0x20);

        if (json_is_digit(s.ptr[i]))
            code = code * 16 + (s.ptr[i] - '0');
        else if (lower >= 'a' && lower <= 'f')
            code = code * 16 + (lower - 'a') + 10;
        else
            return -1;
    }
    return code;
}

#endif
