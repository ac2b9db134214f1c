#include "token.h"

#include <strings.h>

static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word_char(char c)
{
    return is_letter(c) || is_digit(c) || (c != '\0' && strchr("_*-+.", c) != NULL);
}

/* Takes n bytes and counts their lines. */
static struct span take(struct lexer *lexer, size_t n)
{
    struct span taken = {lexer->rest.ptr, n};

    for (size_t i = 0; i < n; i++)
        lexer->line += taken.ptr[i] == '\n';
    lexer->rest = span_skip(lexer->rest, n);
    return taken;
}

/* Returns how many bytes are before what, or the length of text if what is missing. */
static size_t len_before(struct span text, const char *what)
{
    const char *at = memmem(text.ptr, text.len, what, strlen(what));

    return at == NULL ? text.len : (size_t)(at - text.ptr);
}

static size_t block_comment_len(struct span text)
{
    size_t len = 2 + len_before(span_skip(text, 2), "*/");

    return len == text.len ? len : len + 2;
}

/* Returns the length of the blanks or of the comment at the front; 0: there are none. */
static size_t gap_len(struct span text)
{
    size_t len = 0;

    while (len < text.len && strchr(" \t\r\n\f\v", text.ptr[len]) != NULL && text.ptr[len] != '\0')
        len++;
    if (len > 0 || text.len == 0)
        return len;
    if (text.ptr[0] == '#' || span_starts_with(text, SPAN("//")))
        return len_before(text, "\n");
    return span_starts_with(text, SPAN("/*")) ? block_comment_len(text) : 0;
}

/* Returns the length of the string at the front; 0: it has no end. */
static size_t string_len(struct span text)
{
    size_t end = 1;

    while (end < text.len && text.ptr[end] != '"')
        end += text.ptr[end] == '\\' ? 2 : 1;
    return end < text.len ? end + 1 : 0;
}

/* Returns whether word is a name: it begins with a letter or an asterisk, and has neither a dot nor
 * a plus. */
static bool is_name(struct span word)
{
    return (is_letter(word.ptr[0]) || word.ptr[0] == '*') && !span_has_byte(word, '.') &&
           !span_has_byte(word, '+');
}

/* Returns how many digits of the base are at the front of text. */
static size_t digits_len(struct span text, const char *digits)
{
    size_t len = 0;

    while (len < text.len && text.ptr[len] != '\0' && strchr(digits, text.ptr[len]) != NULL)
        len++;
    return len;
}

/* Returns text without one of the bytes at its front, if there is one. */
static struct span skip_one_of(struct span text, const char *bytes)
{
    return span_skip(text, text.len > 0 && strchr(bytes, text.ptr[0]) != NULL ? 1 : 0);
}

static bool is_suffix(struct span text)
{
    return text.len == 0 || span_equal(text, SPAN("L")) || span_equal(text, SPAN("LL"));
}

/* Returns whether word is a number for any version of libconfig, such as 5, -1.5e3 or 0xffL, and
 * not 5s or 127.0.0.1. */
static bool is_number(struct span word)
{
    static const char decimals[] = "0123456789";
    const char base = word.len > 2 && word.ptr[0] == '0' ? (char)(word.ptr[1] | 0x20) : '\0';
    const char *digits = base == 'x'   ? "0123456789abcdefABCDEF"
                         : base == 'o' ? "01234567"
                         : base == 'b' ? "01"
                                       : decimals;
    struct span rest = digits == decimals ? skip_one_of(word, "+-") : span_skip(word, 2);
    const size_t whole = digits_len(rest, digits);

    rest = span_skip(rest, whole);
    if (whole > 0 && is_suffix(rest))
        return true;
    if (digits != decimals || (whole == 0 && !span_starts_with(rest, SPAN("."))))
        return false;
    rest = skip_one_of(rest, ".");
    rest = span_skip(rest, digits_len(rest, decimals));
    if (rest.len == 0)
        return true;
    if ((rest.ptr[0] | 0x20) != 'e')
        return false;
    rest = skip_one_of(span_skip(rest, 1), "+-");
    return rest.len > 0 && digits_len(rest, decimals) == rest.len;
}

static size_t word_len(struct span text)
{
    size_t len = 0;

    while (len < text.len && is_word_char(text.ptr[len]))
        len++;
    return len;
}

static enum token_kind kind_of_word(struct span word)
{
    return is_name(word) ? TOKEN_NAME : is_number(word) ? TOKEN_NUMBER : TOKEN_WORD;
}

static struct token make(struct lexer *lexer, enum token_kind kind, size_t len)
{
    struct token token = {.kind = kind, .line = lexer->line};

    token.text = take(lexer, len);
    token.last_line = lexer->line;
    return token;
}

static struct token make_string(struct lexer *lexer)
{
    const size_t len = string_len(lexer->rest);
    struct token token = make(lexer, TOKEN_STRING, len == 0 ? lexer->rest.len : len);

    token.is_open = len == 0;
    return token;
}

struct token token_next(struct lexer *lexer)
{
    size_t len = gap_len(lexer->rest);
    struct span rest;

    for (; len > 0; len = gap_len(lexer->rest))
        take(lexer, len);
    rest = lexer->rest;
    if (rest.len == 0)
        return make(lexer, TOKEN_END, 0);
    if (rest.ptr[0] == '"')
        return make_string(lexer);
    len = word_len(rest);
    if (len > 0)
        return make(lexer, kind_of_word((struct span){rest.ptr, len}), len);
    if (rest.ptr[0] != '\0' && strchr("=:;,{}()[]", rest.ptr[0]) != NULL)
        return make(lexer, TOKEN_MARK, 1);
    len = span_utf8_char(rest);
    return make(lexer, TOKEN_STRANGE, len == 0 ? 1 : len);
}

bool token_is(const struct token *token, char mark)
{
    return token->kind == TOKEN_MARK && token->text.ptr[0] == mark;
}

bool token_is_bool(const struct token *token)
{
    return token->kind == TOKEN_NAME &&
           ((token->text.len == 4 && strncasecmp(token->text.ptr, "true", 4) == 0) ||
            (token->text.len == 5 && strncasecmp(token->text.ptr, "false", 5) == 0));
}
