/* json_value.c - the only door to json-c, which writes strings. Texts are judged and decoded here,
 * token by token: json-c 0.16 takes NaN, -01, 1., lone surrogates, control bytes in strings and
 * overlong UTF-8 for good, builds a tree of a quarter of a GiB from a MiB of "{},", and makes a
 * parser for each string that it decodes. All of it is linear: a MiB takes a few milliseconds. */
#include "podop/json_value.h"

#include "podop/word.h"

#include <json-c/json.h>

enum { DEPTH_MAX = 64 }; /* the bits of struct place */

enum { SPACE = 1, PUNCTUATION = 2, QUOTE = 4 };

/* What ends a number or a word, by kind. */
static const unsigned char classes[256] = {
    [' '] = SPACE,       ['\t'] = SPACE,      ['\n'] = SPACE,      ['\r'] = SPACE,
    [','] = PUNCTUATION, [':'] = PUNCTUATION, ['['] = PUNCTUATION, [']'] = PUNCTUATION,
    ['{'] = PUNCTUATION, ['}'] = PUNCTUATION, ['"'] = QUOTE,
};

static unsigned class_of(char c)
{
    return classes[(unsigned char)c];
}

static bool is_space(char c)
{
    return class_of(c) == SPACE;
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static struct span skip_space(struct span s)
{
    size_t i = 0;

    while (i < s.len && is_space(s.ptr[i]))
        i++;
    return span_skip(s, i);
}

/* The length of the string that s begins with, both quotes included; 0 when it has no end. */
static size_t string_len(struct span s)
{
    for (size_t i = 1; i < s.len; i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        if (s.ptr[i] == '\\')
            i++;
    }
    return 0;
}

/* The length of the number or word that s begins with. */
static size_t word_len(struct span s)
{
    size_t i = 0;

    while (i < s.len && class_of(s.ptr[i]) == 0)
        i++;
    return i;
}

static size_t digits(struct span s, size_t at)
{
    size_t i = at;

    while (i < s.len && is_digit(s.ptr[i]))
        i++;
    return i - at;
}

/* RFC 8259 section 6. */
static bool is_number(struct span s)
{
    size_t i = s.len > 0 && s.ptr[0] == '-' ? 1 : 0;
    size_t whole = digits(s, i);

    if (whole == 0 || (whole > 1 && s.ptr[i] == '0'))
        return false;
    i += whole;
    if (i < s.len && s.ptr[i] == '.') {
        size_t fraction = digits(s, i + 1);

        if (fraction == 0)
            return false;
        i += 1 + fraction;
    }
    if (i < s.len && (s.ptr[i] == 'e' || s.ptr[i] == 'E')) {
        size_t sign = i + 1 < s.len && (s.ptr[i + 1] == '+' || s.ptr[i + 1] == '-') ? 1 : 0;
        size_t exponent = digits(s, i + 1 + sign);

        if (exponent == 0)
            return false;
        i += 1 + sign + exponent;
    }
    return i == s.len;
}

static bool is_word(struct span s)
{
    if (s.len > 0 && (is_digit(*s.ptr) || *s.ptr == '-'))
        return is_number(s);
    return span_equal(s, SPAN("true")) || span_equal(s, SPAN("false")) ||
           span_equal(s, SPAN("null"));
}

/* The code unit of a \uXXXX at s, or -1. */
static long code_unit(struct span s)
{
    long code = 0;

    if (s.len < 6 || s.ptr[0] != '\\' || s.ptr[1] != 'u')
        return -1;
    for (size_t i = 2; i < 6; i++) {
        char lower = (char)(s.ptr[i] | 0x20);

        if (is_digit(s.ptr[i]))
            code = code * 16 + (s.ptr[i] - '0');
        else if (lower >= 'a' && lower <= 'f')
            code = code * 16 + (lower - 'a') + 10;
        else
            return -1;
    }
    return code;
}

/* What is wrong with the escape that s begins with, or NULL. *len is how long it is. */
static const char *escape_fault(struct span s, size_t *len)
{
    long code = code_unit(s);

    *len = 2;
    if (s.ptr[1] != 'u')
        return s.ptr[1] == '\0' || strchr("\"\\/bfnrt", s.ptr[1]) == NULL ? "no escape sequence"
                                                                          : NULL;
    *len = 6;
    if (code == -1)
        return "no escape sequence";
    if (code >= 0xdc00 && code <= 0xdfff)
        return "a lone surrogate";
    if (code >= 0xd800 && code <= 0xdbff) {
        long low = code_unit(span_skip(s, 6));

        *len = 12;
        if (low < 0xdc00 || low > 0xdfff)
            return "a lone surrogate";
    }
    return NULL;
}

/* What is wrong inside of a string, or NULL. *at is where. */
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

/* Where in the text we are: which brackets are open, and what may come next. */
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
        return "a value where none belongs";
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
        return "a bracket that closes nothing";
    p->depth--;
    p->want = WANT_COMMA;
    return NULL;
}

static const char *take_scalar(struct place *p, bool is_string)
{
    bool is_name = p->want == WANT_NAME || p->want == WANT_NAME_OR_END;

    if (is_name && !is_string)
        return "a name that is no string";
    if (!is_name && p->want != WANT_VALUE && p->want != WANT_VALUE_OR_END)
        return "a value where none belongs";
    p->want = is_name ? WANT_COLON : WANT_COMMA;
    return NULL;
}

/* What is wrong with a token at this place, or NULL. */
static const char *take_token(struct place *p, char first)
{
    switch (first) {
    case '{': return open_bracket(p, true);
    case '[': return open_bracket(p, false);
    case '}': return close_bracket(p, true);
    case ']': return close_bracket(p, false);
    case ':':
        if (p->want != WANT_COLON)
            return "a colon where none belongs";
        p->want = WANT_VALUE;
        return NULL;
    case ',':
        if (p->want != WANT_COMMA || p->depth == 0)
            return "a comma where none belongs";
        p->want = is_in_object(p) ? WANT_NAME : WANT_VALUE;
        return NULL;
    default: return take_scalar(p, first == '"');
    }
}

/* Its length, or 0 with *what is wrong and *inside the place within it. */
static size_t token_len(struct span rest, const char **what, size_t *inside)
{
    size_t len = 1;

    if (*rest.ptr == '"') {
        len = string_len(rest);
        *what = len == 0 ? "a string without an end"
                         : string_fault((struct span){rest.ptr, len}, inside);
    } else if (class_of(*rest.ptr) != PUNCTUATION) {
        len = word_len(rest);
        *what = is_word((struct span){rest.ptr, len}) ? NULL : "no JSON value";
    }
    return *what == NULL ? len : 0;
}

static int check_tokens(struct span text, struct error *err)
{
    struct place place = {.want = WANT_VALUE};
    struct span rest = skip_space(text);

    while (rest.len > 0) {
        size_t at = text.len - rest.len;
        const char *what = NULL;
        size_t inside = 0;
        size_t len = token_len(rest, &what, &inside);

        if (what == NULL)
            what = take_token(&place, *rest.ptr);
        if (what != NULL)
            return fault(err, text, at + inside, what);
        rest = skip_space(span_skip(rest, len));
    }
    if (place.depth > 0 || place.want != WANT_COMMA)
        return fault(err, text, text.len, "the text ends too early");
    return 0;
}

int json_check(struct span text, struct error *err)
{
    if (skip_space(text).len == 0)
        return fault(err, text, 0, "empty, no JSON value");
    if (span_utf8_prefix(text) < text.len)
        return fault(err, text, span_utf8_prefix(text), "no valid UTF-8");
    return check_tokens(text, err);
}

size_t json_extent(struct span s)
{
    size_t depth = 0;
    size_t i = 0;

    do { /* the end is where the brackets balance */
        struct span rest = span_skip(s, i);
        size_t len = 1;

        if (rest.len == 0)
            return 0;
        if (*rest.ptr == '"') {
            len = string_len(rest);
        } else if (*rest.ptr == '{' || *rest.ptr == '[') {
            depth++;
        } else if (*rest.ptr == '}' || *rest.ptr == ']') {
            if (depth == 0)
                return 1; /* no value begins so */
            depth--;
        } else if (*rest.ptr != ',' && *rest.ptr != ':' && !is_space(*rest.ptr)) {
            len = word_len(rest);
            if (depth == 0 && len == rest.len)
                return 0; /* there may be more of the word to come */
        }
        if (len == 0)
            return 0;
        i += len;
    } while (depth > 0);
    return i;
}

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
    buf_init(&mended, SIZE_MAX);
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

enum json_kind json_kind(struct span text)
{
    switch (*skip_space(text).ptr) {
    case '"': return JSON_STRING;
    case '{': return JSON_OBJECT;
    case '[': return JSON_ARRAY;
    case 'n': return JSON_NULL;
    default: return JSON_SCALAR;
    }
}

struct json_cursor json_walk(struct span container)
{
    struct span s = skip_space(container);

    return (struct json_cursor){.rest = skip_space(span_skip(s, 1)), .is_object = *s.ptr == '{'};
}

static struct span take(struct span *rest)
{
    struct span value = {rest->ptr, json_extent(*rest)};

    if (value.len == 0) /* a word at the very end */
        value.len = rest->len;
    *rest = skip_space(span_skip(*rest, value.len));
    return value;
}

/* Goes on to where the next value begins, and looks for no end of it; false: there is none. *name
 * as in json_next(). */
static bool next_begin(struct json_cursor *cursor, struct span *name)
{
    struct span *rest = &cursor->rest;

    if (rest->len > 0 && *rest->ptr == ',')
        *rest = skip_space(span_skip(*rest, 1));
    if (rest->len == 0 || *rest->ptr == ']' || *rest->ptr == '}')
        return false;
    if (cursor->is_object) {
        *name = take(rest);
        *rest = skip_space(span_skip(*rest, 1)); /* ':' */
    }
    return true;
}

bool json_next(struct json_cursor *cursor, struct span *name, struct span *value)
{
    if (!next_begin(cursor, name))
        return false;
    *value = take(&cursor->rest);
    return true;
}

static char *put_utf8(char *to, long code)
{
    if (code < 0x80) {
        *to++ = (char)code;
    } else if (code < 0x800) {
        *to++ = (char)(0xc0 | code >> 6);
        *to++ = (char)(0x80 | (code & 0x3f));
    } else if (code < 0x10000) {
        *to++ = (char)(0xe0 | code >> 12);
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    } else {
        *to++ = (char)(0xf0 | code >> 18);
        *to++ = (char)(0x80 | (code >> 12 & 0x3f));
        *to++ = (char)(0x80 | (code >> 6 & 0x3f));
        *to++ = (char)(0x80 | (code & 0x3f));
    }
    return to;
}

/* The character of the \uXXXX that s begins with, or of two that are a pair of surrogates. */
static long escaped_code(struct span s, size_t *len)
{
    long code = code_unit(s);

    *len = 6;
    if (code < 0xd800 || code > 0xdbff)
        return code;
    *len = 12;
    return 0x10000 + ((code - 0xd800) << 10) + (code_unit(span_skip(s, 6)) - 0xdc00);
}

/* Decodes the escape that s begins with; *len is how long it is. */
static char *put_escape(char *to, struct span s, size_t *len)
{
    *len = 2;
    switch (s.ptr[1]) {
    case 'b': *to++ = '\b'; return to;
    case 'f': *to++ = '\f'; return to;
    case 'n': *to++ = '\n'; return to;
    case 'r': *to++ = '\r'; return to;
    case 't': *to++ = '\t'; return to;
    case 'u': return put_utf8(to, escaped_code(s, len));
    default: *to++ = s.ptr[1]; return to;
    }
}

/* No escape is shorter than what it stands for, so there is room for all at once. */
void json_add_text(struct buf *out, struct span string)
{
    struct span rest = {string.ptr + 1, string.len - 2};
    char *begin, *to;

    if (!span_has_byte(rest, '\\')) {
        buf_add(out, rest);
        return;
    }
    begin = to = buf_reserve(out, rest.len);
    if (begin == NULL)
        return;
    while (rest.len > 0) {
        size_t len = 1;

        if (*rest.ptr == '\\')
            to = put_escape(to, rest, &len);
        else
            *to++ = *rest.ptr;
        rest = span_skip(rest, len);
    }
    out->len += (size_t)(to - begin);
}

/* Bytes up to the next white space between tokens. */
static size_t dense_len(struct span s)
{
    size_t i = 0;

    while (i < s.len && !is_space(s.ptr[i]))
        i += s.ptr[i] == '"' ? string_len(span_skip(s, i)) : 1;
    return i;
}

void json_add_compact(struct buf *out, struct span value)
{
    for (struct span rest = skip_space(value); rest.len > 0;) {
        size_t len = dense_len(rest);

        buf_add(out, (struct span){rest.ptr, len});
        rest = skip_space(span_skip(rest, len));
    }
}

/* One reference token of a JSON pointer, with ~1 and ~0 decoded. */
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

/* Whether name, a string with its quotes, spells wanted. scratch is used. */
static bool is_named(struct span name, struct span wanted, struct buf *scratch)
{
    struct span inside = {name.ptr + 1, name.len - 2};

    if (!span_has_byte(inside, '\\'))
        return span_equal(inside, wanted);
    buf_clear(scratch);
    json_add_text(scratch, name);
    return span_equal(buf_span(scratch), wanted);
}

/* RFC 6901 section 4: "0", or digits without a leading zero. No array of ours has more items than a
 * size_t counts. */
static bool parse_index(struct span token, size_t *index)
{
    if (token.len == 0 || token.len > 19 || digits(token, 0) != token.len ||
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

    for (; next_begin(cursor, &name); index--) {
        if (index == 0) {
            *value = cursor->rest;
            return true;
        }
        take(&cursor->rest);
    }
    return false;
}

static bool select_member(struct span *value, struct json_cursor *cursor, struct span token)
{
    struct span name;
    struct buf wanted, scratch;
    bool is_found = false;

    buf_init(&wanted, token.len);
    buf_init(&scratch, SIZE_MAX);
    add_token(&wanted, token);
    while (!is_found && next_begin(cursor, &name)) {
        is_found = is_named(name, buf_span(&wanted), &scratch);
        if (is_found)
            *value = cursor->rest;
        else
            take(&cursor->rest);
    }
    buf_deinit(&wanted);
    buf_deinit(&scratch);
    return is_found;
}

/* *value may have more behind it, before and after. */
static bool select_child(struct span *value, struct span token)
{
    enum json_kind kind = json_kind(*value);
    struct json_cursor cursor = json_walk(*value);
    size_t index;

    if (kind == JSON_OBJECT)
        return select_member(value, &cursor, token);
    return kind == JSON_ARRAY && parse_index(token, &index) && select_item(value, &cursor, index);
}

bool json_select(struct span *value, struct span pointer)
{
    bool is_part = false;

    while (pointer.len > 0) {
        struct span token = span_skip(pointer, 1); /* each begins with '/' */
        const char *slash = token.len == 0 ? NULL : memchr(token.ptr, '/', token.len);

        if (slash != NULL)
            token.len = (size_t)(slash - token.ptr);
        if (!select_child(value, token))
            return false;
        is_part = true;
        pointer = span_skip(pointer, 1 + token.len);
    }
    if (is_part) /* once, however deep it is */
        *value = take(&(struct span){value->ptr, value->len});
    return true;
}

/* Appends the items of an array of scalars, joined by ','; false when one of them is a container.
 */
static bool join(struct buf *out, struct span array)
{
    struct json_cursor cursor = json_walk(array);
    struct span name, item;
    bool is_first = true;

    while (json_next(&cursor, &name, &item)) {
        enum json_kind kind = json_kind(item);

        if (kind == JSON_ARRAY || kind == JSON_OBJECT)
            return false;
        if (kind == JSON_NULL)
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
    s = skip_space(s);
    while (s.len > 0 && is_space(s.ptr[s.len - 1]))
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
    case JSON_SCALAR: reply->map_value = reply->dict_value = value; return;
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

/* Of eight bytes: whether one is a quote, a backslash or a control. */
static inline bool has_special(uint64_t word)
{
    return word_has_below(word, 0x20) || word_has(word, '"') || word_has(word, '\\');
}

/* Whether s, the inside of a string, is valid and means itself. */
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
