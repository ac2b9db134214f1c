/* json_check.c - checks whether a text is JSON, token by token. json-c is not used for this: json-c
 * 0.16 accepts NaN, -01, 1., lone surrogates, control bytes in strings and overlong UTF-8, and
 * builds a tree of a quarter of a GiB from a MiB of "{},". The time is linear: a MiB takes a few
 * milliseconds. */
#include "podop/json_value.h"

#include "json_token.h"

#include "podop/encoding.h"

#include <stdio.h>

enum { DEPTH_MAX = 64 }; /* the bits of struct place */

static const char UNEXPECTED_CHARACTER[] = "unexpected character";

/* Returns whether s is a number (RFC 8259 section 6). */
static bool is_number(struct span s)
{
    size_t i = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
    size_t whole = json_digits(s, i);

    if (whole == 0 || (whole > 1 && s.ptr[i] == '0'))
        return false;
    i += whole;
    if (i < s.len && s.ptr[i] == '.') {
        size_t fraction = json_digits(s, i + 1);

        if (fraction == 0)
            return false;
        i += 1 + fraction;
    }
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        size_t sign = i + 1 < s.len && (s.ptr[i + 1] == '+' || s.ptr[i + 1] == '-') ? 1 : 0;
        size_t exponent = json_digits(s, i + 1 + sign);

        if (exponent == 0)
            return false;
        i += 1 + sign + exponent;
    }
    return i == s.len;
}

static bool is_word(struct span s)
{
    if (s.len > 0 && (json_is_digit(*s.ptr) || *s.ptr == '-'))
        return is_number(s);
    return span_equal(s, SPAN("true")) || span_equal(s, SPAN("false")) ||
           span_equal(s, SPAN("null"));
}

/* Returns what is wrong with the escape that s begins with, or NULL. Sets *len to its length. */
static const char *escape_fault(struct span s, size_t *len)
{
    long code = json_code_unit(s);

    *len = 2;
    if (s.ptr[1] != 'u')
        return s.ptr[1] == '\0' || strchr("\"\\/bfnrt", s.ptr[1]) == NULL
                   ? "invalid escape sequence"
                   : NULL;
    *len = 6;
    if (code == -1)
        return "invalid escape sequence";
    if (code >= 0xdc00 && code <= 0xdfff)
        return "a lone surrogate";
    if (code >= 0xd800 && code <= 0xdbff) {
        long low = json_code_unit(span_skip(s, 6));

        *len = 12;
        if (low < 0xdc00 || low > 0xdfff)
            return "a lone surrogate";
    }
    return NULL;
}

static const char *control_fault(char c)
{
    return c == '\n' || c == '\r' ? "a line break in a string (is its closing quote missing?)"
           : c == '\t'            ? "a tab in a string (write \\t)"
                                  : "a control byte in a string (write \\u00 and two digits)";
}

/* Returns what is wrong inside of a string, or NULL. Sets *at to the position of the fault. */
static const char *string_fault(struct span s, size_t *at)
{
    size_t len;

    for (size_t i = 1; i + 1 < s.len; i += len) {
        const char *what = NULL;

        len = 1;
        if ((unsigned char)s.ptr[i] < 0x20)
            what = control_fault(s.ptr[i]);
        else if (s.ptr[i] == '\\') /* another byte follows, or the string had no end */
            what = escape_fault((struct span){s.ptr + i, s.len - 1 - i}, &len);
        if (what != NULL) {
            *at = i;
            return what;
        }
    }
    return NULL;
}

/* Sets a fault at a position of the text. Columns are characters, not bytes. */
static int fault(struct error *err, struct span text, size_t at, const char *what)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; i < at && i < text.len; i++) {
        column += ((unsigned char)text.ptr[i] & 0xc0) != 0x80;
        if (text.ptr[i] == '\n') {
            line++;
            column = 1;
        }
    }
    return error_set(err, ERR_INPUT, "%s at line %zu, column %zu", what, line, column);
}

/* The state at a position of the text: which brackets are open, and what may come next. */
struct place {
    uint64_t objects; /* bit n: the bracket at depth n + 1 is a '{' */
    unsigned depth;
    enum {
        WANT_VALUE,
        WANT_VALUE_OR_END,
        WANT_NAME,
        WANT_NAME_OR_END,
        WANT_COLON,
        WANT_COMMA
    } want;
};

static bool is_in_object(const struct place *p)
{
    return p->depth > 0 && (p->objects >> (p->depth - 1) & 1) != 0;
}

static const char *unexpected_value(const struct place *p)
{
    if (p->want == WANT_COLON)
        return "unexpected value (is a colon missing before it?)";
    if (p->want == WANT_COMMA && p->depth == 0)
        return "unexpected text after the end of the value";
    if (p->want == WANT_COMMA)
        return "unexpected value (is a comma missing before it?)";
    return "expected the name of a member, a string in double quotes";
}

static const char *unexpected_end(const struct place *p)
{
    return p->depth == 0     ? "unexpected end of the text"
           : is_in_object(p) ? "unexpected end of the text (is a '}' missing?)"
                             : "unexpected end of the text (is a ']' missing?)";
}

static const char *unexpected_bracket(const struct place *p, bool is_object)
{
    if (p->depth == 0)
        return is_object ? "unexpected '}', which closes nothing"
                         : "unexpected ']', which closes nothing";
    if (is_in_object(p) != is_object)
        return is_object ? "unexpected '}' (expected ']')" : "unexpected ']' (expected '}')";
    if (p->want == WANT_COLON)
        return "unexpected '}' (expected a colon and a value)";
    if (p->want == WANT_VALUE && is_object)
        return "unexpected '}' (expected a value)";
    return is_object ? "unexpected '}' (is the comma before it one too many?)"
                     : "unexpected ']' (is the comma before it one too many?)";
}

static const char *open_bracket(struct place *p, bool is_object)
{
    if (p->want != WANT_VALUE && p->want != WANT_VALUE_OR_END)
        return unexpected_value(p);
    if (p->depth == DEPTH_MAX)
        return "nested too deeply";
    p->objects = (p->objects & ~(UINT64_C(1) << p->depth)) | (uint64_t)is_object << p->depth;
    p->depth++;
    p->want = is_object ? WANT_NAME_OR_END : WANT_VALUE_OR_END;
    return NULL;
}

static const char *close_bracket(struct place *p, bool is_object)
{
    if (p->depth == 0 || is_in_object(p) != is_object ||
        (p->want != WANT_COMMA && p->want != WANT_VALUE_OR_END && p->want != WANT_NAME_OR_END))
        return unexpected_bracket(p, is_object);
    p->depth--;
    p->want = WANT_COMMA;
    return NULL;
}

static const char *take_scalar(struct place *p, bool is_string)
{
    bool is_name = p->want == WANT_NAME || p->want == WANT_NAME_OR_END;

    if (is_name ? !is_string : p->want != WANT_VALUE && p->want != WANT_VALUE_OR_END)
        return unexpected_value(p);
    p->want = is_name ? WANT_COLON : WANT_COMMA;
    return NULL;
}

/* Takes a token that begins with first. Returns why it must not come next, or NULL. */
static const char *take_token(struct place *p, char first)
{
    switch (first) {
    case '{': return open_bracket(p, true);
    case '[': return open_bracket(p, false);
    case '}': return close_bracket(p, true);
    case ']': return close_bracket(p, false);
    case ':':
        if (p->want != WANT_COLON)
            return "unexpected ':'";
        p->want = WANT_VALUE;
        return NULL;
    case ',':
        if (p->want != WANT_COMMA || p->depth == 0)
            return "unexpected ','";
        p->want = is_in_object(p) ? WANT_NAME : WANT_VALUE;
        return NULL;
    default: return take_scalar(p, first == '"');
    }
}

/* Returns whether word begins with one of the quotation marks U+2018 to U+201F. */
static bool is_typographic_quote(struct span word)
{
    return span_starts_with(word, SPAN("\xe2\x80")) && word.len > 2 &&
           (unsigned char)word.ptr[2] >= 0x98 && (unsigned char)word.ptr[2] <= 0x9f;
}

/* Returns why a word is not a value. Messages are logged, so that they have none of its text. */
static const char *word_fault(struct span word)
{
    static const struct {
        const char *begin, *fault;
    } faults[] = {
        {"//", "JSON has no comments"},
        {"/*", "JSON has no comments"},
        {"#", "JSON has no comments"},
        {"'", "unexpected ' (strings are in double quotes)"},
        {"True", "unexpected 'True' (JSON has true)"},
        {"False", "unexpected 'False' (JSON has false)"},
        {"None", "unexpected 'None' (JSON has null)"},
        {"NaN", "unexpected 'NaN' (JSON has numbers and null only)"},
        {"tr", "invalid word (JSON has true, false and null)"},
        {"fal", "invalid word (JSON has true, false and null)"},
        {"nul", "invalid word (JSON has true, false and null)"},
        {"<", "unexpected character '<' (is it HTML or XML?)"},
        {"=", "unexpected character '=' (expected ':')"},
        {";", "unexpected character ';' (expected ',')"},
    };

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        if (span_starts_with(word, span_of(faults[i].begin)))
            return faults[i].fault;
    }
    if (is_typographic_quote(word))
        return "unexpected quotation mark (strings are in \"plain double quotes\")";
    return json_is_digit(*word.ptr) || *word.ptr == '-' || *word.ptr == '+' || *word.ptr == '.'
               ? "invalid number"
               : UNEXPECTED_CHARACTER;
}

/* Returns the length of the token that rest begins with. For an invalid token, returns 0 with the
 * fault in *what and its position within the token in *inside. */
static size_t token_len(struct span rest, const char **what, size_t *inside)
{
    size_t len = 1;

    if (*rest.ptr == '"') {
        len = json_string_len(rest);
        *what =
            len == 0 ? "unterminated string" : string_fault((struct span){rest.ptr, len}, inside);
    } else if (json_class(*rest.ptr) != JSON_PUNCTUATION) {
        len = json_word_len(rest);
        *what =
            is_word((struct span){rest.ptr, len}) ? NULL : word_fault((struct span){rest.ptr, len});
    }
    return *what == NULL ? len : 0;
}

static int fault_character(struct error *err, struct span text, size_t at, bool is_name)
{
    const size_t len = span_utf8_char(span_skip(text, at));
    char what[80];

    snprintf(what, sizeof(what), "unexpected character '%.*s'%s", (int)len, text.ptr + at,
             is_name ? " (the name of a member is in double quotes)" : "");
    return fault(err, text, at, what);
}

static int check_tokens(struct span text, struct error *err)
{
    struct place place = {.want = WANT_VALUE};
    struct span rest = json_skip_space(text);

    while (rest.len > 0) {
        size_t at = text.len - rest.len;
        const char *what = NULL;
        size_t inside = 0;
        size_t len = token_len(rest, &what, &inside);

        if (what == NULL)
            what = take_token(&place, *rest.ptr);
        if (what != NULL)
            return what == UNEXPECTED_CHARACTER
                       ? fault_character(err, text, at,
                                         place.want == WANT_NAME || place.want == WANT_NAME_OR_END)
                       : fault(err, text, at + inside, what);
        rest = json_skip_space(span_skip(rest, len));
    }
    if (place.depth > 0 || place.want != WANT_COMMA)
        return fault(err, text, text.len, unexpected_end(&place));
    return 0;
}

static int fault_byte(struct error *err, struct span text, size_t at)
{
    char what[80];

    snprintf(what, sizeof(what), "byte 0x%02x is not UTF-8 (is the text in Latin-1?)",
             (unsigned char)text.ptr[at]);
    return fault(err, text, at, what);
}

static int check_text(struct span text, struct error *err)
{
    if (json_skip_space(text).len == 0)
        return error_set(err, ERR_INPUT, "the text is empty");
    if (span_utf8_prefix(text) < text.len)
        return fault_byte(err, text, span_utf8_prefix(text));
    return check_tokens(text, err);
}

int json_check(struct span text, struct error *err)
{
    const char *encoding;

    if (check_text(text, err) == 0)
        return 0;
    encoding = encoding_foreign(text);
    if (encoding != NULL)
        error_set(err, ERR_INPUT, "the text is in %s, not in UTF-8", encoding);
    return -1;
}
