/* json_check.c - checks whether a text is JSON, token by token. json-c is not used for this: json-c
 * 0.16 accepts NaN, -01, 1., lone surrogates, control bytes in strings and overlong UTF-8, and
 * builds a tree of a quarter of a GiB from a MiB of "{},". The time is linear: a MiB takes a few
 * milliseconds. */
#include "podop/json_value.h"

#include "json_token.h"

enum { DEPTH_MAX = 64 }; /* the bits of struct place */

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

/* Returns what is wrong inside of a string, or NULL. Sets *at to the position of the fault. */
static const char *string_fault(struct span s, size_t *at)
{
    size_t len;

    for (size_t i = 1; i + 1 < s.len; i += len) {
        const char *what = NULL;

        *at = i;
        len = 1;
        if ((unsigned char)s.ptr[i] < 0x20)
            what = "a control byte in a string";
        else if (s.ptr[i] == '\\') /* another byte follows, or the string had no end */
            what = escape_fault((struct span){s.ptr + i, s.len - 1 - i}, &len);
        if (what != NULL)
            return what;
    }
    return NULL;
}

static int fault(struct error *err, struct span text, size_t at, const char *what)
{
    size_t line = 1;
    size_t column = 1;

    for (size_t i = 0; i < at && i < text.len; i++) {
        column++;
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

static const char *open_bracket(struct place *p, bool is_object)
{
    if (p->want != WANT_VALUE && p->want != WANT_VALUE_OR_END)
        return "unexpected value";
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
        return "closing bracket without its opening one";
    p->depth--;
    p->want = WANT_COMMA;
    return NULL;
}

static const char *take_scalar(struct place *p, bool is_string)
{
    bool is_name = p->want == WANT_NAME || p->want == WANT_NAME_OR_END;

    if (is_name && !is_string)
        return "a name that is not a string";
    if (!is_name && p->want != WANT_VALUE && p->want != WANT_VALUE_OR_END)
        return "unexpected value";
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
            return "unexpected colon";
        p->want = WANT_VALUE;
        return NULL;
    case ',':
        if (p->want != WANT_COMMA || p->depth == 0)
            return "unexpected comma";
        p->want = is_in_object(p) ? WANT_NAME : WANT_VALUE;
        return NULL;
    default: return take_scalar(p, first == '"');
    }
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
        *what = is_word((struct span){rest.ptr, len}) ? NULL : "not a JSON value";
    }
    return *what == NULL ? len : 0;
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
            return fault(err, text, at + inside, what);
        rest = json_skip_space(span_skip(rest, len));
    }
    if (place.depth > 0 || place.want != WANT_COMMA)
        return fault(err, text, text.len, "unexpected end of the text");
    return 0;
}

int json_check(struct span text, struct error *err)
{
    if (json_skip_space(text).len == 0)
        return fault(err, text, 0, "the text is empty, not JSON");
    if (span_utf8_prefix(text) < text.len)
        return fault(err, text, span_utf8_prefix(text), "invalid UTF-8");
    return check_tokens(text, err);
}
