/* syntax_hints.c - the likely causes of a syntax error: what is missing or too much, and where. */
#include "excerpt.h"
#include "syntax_parser.h"

#include "podop/mem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>

enum { NAME_BYTES_SHOWN = 40 };

/* A place of the text that a message can name. */
struct place {
    unsigned line;
    const char *at;
};

static struct place start_of(const struct token *token)
{
    return (struct place){token->line, token->text.ptr};
}

/* Returns the end of the token before now, which is where something is missing. */
static struct place end_before(const struct syntax_parser *p)
{
    const struct token *before = &p->before;

    if (before->kind == TOKEN_END)
        return start_of(&p->now);
    return (struct place){before->last_line, before->text.ptr + before->text.len};
}

static const struct syntax_level *top(const struct syntax_parser *p)
{
    return &p->levels[p->depth - 1];
}

/* Returns the level around the open bracket, or NULL. */
static const struct syntax_level *outer(const struct syntax_parser *p)
{
    return p->depth > 1 ? &p->levels[p->depth - 2] : NULL;
}

/* Sets the fault: what is to be changed at the place, and another line that belongs to it, or 0.
 * Always returns true. */
__attribute__((format(printf, 4, 5))) static bool
fault(struct syntax_parser *p, struct place place, unsigned other_line, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->fault->hint, sizeof(p->fault->hint), format, args);
    va_end(args);
    p->fault->line = place.line;
    p->fault->at = place.at;
    p->fault->other_line = other_line;
    return true;
}

static int shown_len(const struct token *token)
{
    return token->text.len > NAME_BYTES_SHOWN ? NAME_BYTES_SHOWN : (int)token->text.len;
}

/* Returns what to show of a token that is not a name: it may be a part of a secret. */
static struct span shown_part(const struct syntax_parser *p, const struct token *token)
{
    if (excerpt_may_hold_secret(p->text, token->text.ptr))
        return SPAN("...");
    return (struct span){token->text.ptr, (size_t)shown_len(token)};
}

static bool is_name(const struct token *token, const char *const *names)
{
    for (; *names != NULL; names++) {
        if (token->kind == TOKEN_NAME && span_equal(token->text, span_of(*names)))
            return true;
    }
    return false;
}

/* Quotes ------------------------------------------------------------------------------------- */

/* Returns whether token looks like a quotation mark, but is not one for libconfig. */
static bool is_other_quote(const struct token *token)
{
    static const char *const quotes[] = {
        "'",
        "\xe2\x80\x98", /* in order: 6 and 9, single and double, low, angle */
        "\xe2\x80\x99",
        "\xe2\x80\x9a",
        "\xe2\x80\x9c",
        "\xe2\x80\x9d",
        "\xe2\x80\x9e",
        "\xe2\x80\x9f",
        "\xc2\xab",
        "\xc2\xbb",
        "\xc2\xb4",
        "\xe2\x80\xb3",
        "\xef\xbc\x82",
        "`",
    };

    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        if (token->kind == TOKEN_STRANGE && span_equal(token->text, span_of(quotes[i])))
            return true;
    }
    return false;
}

/* Returns whether the last of the characters of now is directly before a quote. */
static bool is_before_quote(const struct syntax_parser *p)
{
    const struct span rest = p->lexer.rest;

    return (p->now.kind == TOKEN_NAME || p->now.kind == TOKEN_WORD ||
            p->now.kind == TOKEN_NUMBER) &&
           rest.len > 0 && rest.ptr[0] == '"';
}

static bool fault_quotes(struct syntax_parser *p)
{
    const struct token *now = &p->now, *suspect = &p->suspect;
    const struct span shown = shown_part(p, now);

    if (suspect->kind == TOKEN_STRING && suspect->last_line > suspect->line)
        return fault(p, start_of(suspect), suspect->last_line,
                     "a quote (\") is missing: the string that begins here goes on to");
    if (suspect->kind == TOKEN_STRING)
        return fault(p, start_of(suspect), 0,
                     "a quote (\") is missing, or one too many, in this line");
    if (is_other_quote(now))
        return fault(p, start_of(now), 0, "write \", not %.*s, around a string", shown_len(now),
                     now->text.ptr);
    if (is_before_quote(p))
        return fault(p, start_of(now), 0, "a quote (\") is missing before '%.*s'", (int)shown.len,
                     shown.ptr);
    return false;
}

bool syntax_explain_open_string(struct syntax_parser *p)
{
    if (p->suspect.kind == TOKEN_STRING)
        return fault_quotes(p);
    if (p->wanted == WANT_VALUE)
        return fault(p, start_of(&p->now), 0,
                     "the string that begins here has no closing quote (\")");
    return fault(p, start_of(&p->now), 0,
                 "this quote (\") is one too many, or one is missing before it");
}

/* Characters --------------------------------------------------------------------------------- */

/* Returns the name of a character that looks like a blank or like nothing, or NULL. */
static const char *invisible_name(const struct token *token)
{
    static const struct {
        const char *bytes, *name;
    } characters[] = {
        {"\xc2\xa0", "a no-break space (U+00A0)"},
        {"\xe2\x80\x8b", "a zero-width space (U+200B)"},
        {"\xe2\x80\x8c", "an invisible character (U+200C)"},
        {"\xe2\x80\x8d", "an invisible character (U+200D)"},
        {"\xe2\x80\x8e", "an invisible character (U+200E)"},
        {"\xe2\x80\xaf", "a narrow no-break space (U+202F)"},
        {"\xe2\x80\xa8", "a line separator (U+2028)"},
        {"\xe2\x81\xa0", "an invisible character (U+2060)"},
        {"\xe3\x80\x80", "an ideographic space (U+3000)"},
        {"\xc2\xad", "a soft hyphen (U+00AD)"},
        {"\xef\xbb\xbf", "a byte order mark (U+FEFF) in the middle of the file"},
    };

    for (size_t i = 0; token->kind == TOKEN_STRANGE && i < ARRAY_LEN(characters); i++) {
        if (span_equal(token->text, span_of(characters[i].bytes)))
            return characters[i].name;
    }
    return NULL;
}

static bool fault_character(struct syntax_parser *p)
{
    const struct token *now = &p->now;
    const char *name = invisible_name(now);

    if (name != NULL)
        return fault(p, start_of(now), 0, "there is %s: write a plain space, or delete it", name);
    if (now->kind == TOKEN_STRANGE && now->text.ptr[0] == '@')
        return fault(p, start_of(now), 0,
                     "@include must be the first word of its line, with the name of one file in "
                     "quotes after it");
    return false;
}

/* Brackets ----------------------------------------------------------------------------------- */

static bool fault_end(struct syntax_parser *p)
{
    const struct syntax_level *level = top(p);

    if (level->bracket == '\0' || p->now.kind != TOKEN_END)
        return false;
    return fault(p, (struct place){level->line, level->at}, 0,
                 "a '%c' is missing: the '%c' in this line is never closed",
                 syntax_closing(level->bracket), level->bracket);
}

/* Returns whether the closing bracket closes one of the open brackets. */
static bool closes_outer(const struct syntax_parser *p, char bracket)
{
    for (size_t i = 0; i + 1 < p->depth; i++) {
        if (p->levels[i].bracket != '\0' && syntax_closing(p->levels[i].bracket) == bracket)
            return true;
    }
    return false;
}

static char opening(char bracket)
{
    if (bracket == ')')
        return '(';
    return (bracket == ']') ? '[' : '{';
}

/* Looks for a ')' or ']' after a value, as in: miss = 404 ); */
static bool fault_unopened(struct syntax_parser *p)
{
    const struct syntax_level *level = top(p);
    const struct token *now = &p->now, *name;

    if (syntax_is_list(level) || level->name_count == 0 ||
        !(token_is(now, ')') || token_is(now, ']')))
        return false;
    name = &level->names[level->name_count - 1];
    if (closes_outer(p, now->text.ptr[0]) &&
        (name->line != now->line || level->line == now->line || token_is(&p->before, ';')))
        return false;
    if (token_is(&p->before, ')') || token_is(&p->before, ']'))
        return false;
    return fault(p, start_of(name), name->line == now->line ? 0 : now->line,
                 "a '%c' is missing after '%.*s =', for the '%c'%s", opening(now->text.ptr[0]),
                 shown_len(name), name->text.ptr, now->text.ptr[0],
                 name->line == now->line ? "" : " of");
}

/* Looks for a closing bracket that does not match the open one. */
static bool fault_closing(struct syntax_parser *p)
{
    const struct syntax_level *level = top(p);
    const struct token *now = &p->now;

    if (!token_is(now, '}') && !token_is(now, ')') && !token_is(now, ']'))
        return false;
    if (fault_unopened(p))
        return true;
    if (level->bracket == '\0')
        return fault(p, start_of(now), 0, "this '%c' has no opening bracket", now->text.ptr[0]);
    if (closes_outer(p, now->text.ptr[0]))
        return fault(p, end_before(p), level->line,
                     "a '%c' is missing before the next '%c', for the '%c' of",
                     syntax_closing(level->bracket), now->text.ptr[0], level->bracket);
    return fault(p, start_of(now), level->line,
                 "this '%c' is one too many, or a '%c' is meant, for the '%c' of", now->text.ptr[0],
                 syntax_closing(level->bracket), level->bracket);
}

/* Looks for a group that begins where a setting of another group should. */
static bool fault_opening(struct syntax_parser *p)
{
    const struct syntax_level *level = top(p), *around = outer(p);

    if (!token_is(&p->now, '{') && !token_is(&p->now, '('))
        return false;
    if (level->bracket == '{' && around != NULL && syntax_is_list(around) &&
        !token_is(&p->before, '{'))
        return fault(p, end_before(p), level->line,
                     "a '}' is missing before the next '%c', for the '{' of", p->now.text.ptr[0]);
    if (level->bracket == '{')
        return fault(p, (struct place){level->line, level->at},
                     p->now.line == level->line ? 0 : p->now.line,
                     "a '{' after a '{': one is too many, or a list of groups, "
                     "( { ... }, { ... } ), is meant%s",
                     p->now.line == level->line ? "" : ", because of");
    if (p->before.kind == TOKEN_END)
        return fault(p, start_of(&p->now), 0,
                     "the file begins with a setting, NAME = VALUE;, not with '%c'",
                     p->now.text.ptr[0]);
    if (level->name_count > 0) {
        const struct token *name = &level->names[level->name_count - 1];

        return fault(p, start_of(name), p->now.line,
                     "a list of groups is written ( { ... }, { ... } ): a '(' may be missing after "
                     "'%.*s =', because of the group in",
                     shown_len(name), name->text.ptr);
    }
    return false;
}

/* What was wanted ---------------------------------------------------------------------------- */

static bool fault_anywhere(struct syntax_parser *p)
{
    return fault_quotes(p) || fault_character(p) || fault_end(p);
}

static bool is_setting_next(const struct syntax_parser *p)
{
    struct lexer ahead = p->lexer;
    struct token next = token_next(&ahead);
    /* http://... or group:mail */
    const bool is_text = span_starts_with(ahead.rest, SPAN("//")) ||
                         (ahead.rest.len > 0 && isalpha((unsigned char)*ahead.rest.ptr));

    return p->now.kind == TOKEN_NAME &&
           (token_is(&next, '=') || (token_is(&next, ':') && !is_text));
}

static bool fault_value_of(struct syntax_parser *p, const struct token *name)
{
    return fault(p, start_of(name), 0, "the value of '%.*s' must be in quotes, \"...\"",
                 shown_len(name), name->text.ptr);
}

/* Returns the place before now where something is missing: in the line of now if now is the first
 * of its line. */
static struct place gap_before(const struct syntax_parser *p)
{
    return p->before.last_line < p->now.line ? start_of(&p->now) : end_before(p);
}

/* Returns whether a bracket that closes the group is more likely to be missing before a ';' or ','
 * than that it is one too many. */
static bool lacks_brace(const struct syntax_parser *p)
{
    const struct syntax_level *around = outer(p);
    const struct token *before = &p->before;

    if (top(p)->bracket != '{')
        return false;
    if (token_is(&p->now, ','))
        return around != NULL && syntax_is_list(around);
    return before->text.ptr + before->text.len != p->now.text.ptr;
}

static bool fault_separator_of_group(struct syntax_parser *p)
{
    const char mark = p->now.text.ptr[0];

    if (lacks_brace(p))
        return fault(p, gap_before(p), top(p)->line,
                     "a '}' is missing before the '%c', for the '{' of", mark);
    if (mark == ';' && (p->before.kind == TOKEN_END || p->before.last_line < p->now.line))
        return fault(p, start_of(&p->now), 0,
                     "this ';' is one too many (a comment begins with '#')");
    return fault(p, start_of(&p->now), 0, "this '%c' is one too many", mark);
}

static bool explain_name(struct syntax_parser *p)
{
    const struct token *now = &p->now;
    const bool is_bare = p->may_end && p->before.line == now->line &&
                         (p->before.kind == TOKEN_NUMBER || token_is_bool(&p->before));

    if (fault_anywhere(p) || fault_closing(p) || fault_opening(p))
        return true;
    if (token_is(now, ';') || token_is(now, ','))
        return fault_separator_of_group(p);
    if (is_bare)
        return fault_value_of(p, &p->name);
    if (now->kind == TOKEN_STRING && token_is(&p->before, ','))
        return fault(p, start_of(now), 0,
                     "several values are written as a list, [ \"a\", \"b\" ] or ( 404, \"5xx\" )");
    if (now->kind == TOKEN_STRING)
        return fault(p, start_of(now), 0, "expected the name of a setting, without quotes");
    if (token_is(now, '['))
        return fault(p, start_of(now), 0,
                     "unexpected '[': a section is written NAME = { ... }; and a list "
                     "NAME = ( ... );");
    if (token_is(now, '=') || token_is(now, ':'))
        return fault(p, start_of(now), 0, "the name of a setting is missing before '%c'",
                     now->text.ptr[0]);
    return fault(p, start_of(now), 0,
                 "expected a setting, NAME = VALUE, or a comment, which begins with '#'");
}

static bool explain_equals(struct syntax_parser *p)
{
    static const char *const includes[] = {"include", "include_dir", "includedir", NULL};
    const struct token *name = &p->name;

    if (p->now.kind == TOKEN_STRING && is_name(name, includes))
        return fault(p, start_of(name), 0, "write @include before the name of a file");
    if (fault_anywhere(p))
        return true;
    if (p->bare_name.kind != TOKEN_END)
        return fault_value_of(p, &p->bare_name);
    if (p->now.kind == TOKEN_NAME || p->now.kind == TOKEN_WORD)
        return fault(p, start_of(name), 0,
                     "a '=' is missing after '%.*s', or a '#' before a comment", shown_len(name),
                     name->text.ptr);
    return fault(p, start_of(name), 0, "a '=' is missing after '%.*s'", shown_len(name),
                 name->text.ptr);
}

/* Explains what stands in the place of the value of a setting. */
static bool explain_value_of_setting(struct syntax_parser *p)
{
    static const char *const switches[] = {"yes", "no",  "on", "off", "Yes", "No", "On",
                                           "Off", "YES", "NO", "ON",  "OFF", NULL};
    static const char *const nothings[] = {"null", "none", "nil", "None", "NULL", NULL};
    const struct token *now = &p->now, *name = &p->name;
    const int len = shown_len(name);

    if (is_setting_next(p) && now->line == name->line && !is_before_quote(p))
        return fault(p, end_before(p), 0, "a '{' is missing after '%.*s ='", len, name->text.ptr);
    if (token_is(now, '=') || token_is(now, ':') ||
        (now->kind == TOKEN_STRANGE && now->text.ptr[0] == '>'))
        return fault(p, start_of(now), 0, "write a single '=' after '%.*s'", len, name->text.ptr);
    if (is_setting_next(p))
        return fault(p, end_before(p), 0, "a '{' or a value is missing after '%.*s ='", len,
                     name->text.ptr);
    if (now->kind == TOKEN_MARK && fault_unopened(p))
        return true;
    if (now->kind == TOKEN_MARK || now->kind == TOKEN_END)
        return fault(p, end_before(p), 0, "a value is missing after '%.*s ='", len, name->text.ptr);
    if (is_before_quote(p))
        return fault_value_of(p, name);
    if (is_name(now, switches))
        return fault(p, start_of(now), 0,
                     "the value of '%.*s' must be true or false, or a string in quotes, \"...\"",
                     len, name->text.ptr);
    if (is_name(now, nothings))
        return fault(p, start_of(now), 0,
                     "'%.*s' has no value: leave the setting out, or write a string in quotes, "
                     "\"...\"",
                     len, name->text.ptr);
    return fault_value_of(p, name);
}

static bool explain_value(struct syntax_parser *p)
{
    const struct token *now = &p->now;
    const struct syntax_level *level = top(p);

    if (!syntax_is_list(level) && !is_other_quote(now) && p->suspect.kind == TOKEN_END)
        return fault_character(p) || explain_value_of_setting(p);
    if (fault_anywhere(p))
        return true;
    if (is_setting_next(p))
        return fault(p, start_of(now), level->line,
                     "a '{' is missing before '%.*s': a list of groups is written "
                     "( { ... }, { ... } ), in the list of",
                     shown_len(now), now->text.ptr);
    if (level->bracket == '[' && (token_is(now, '{') || token_is(now, '(')))
        return fault(p, (struct place){level->line, level->at}, now->line,
                     "write ( ), not [ ], for a list of groups or lists, as in");
    if (now->kind != TOKEN_MARK)
        return fault(p, start_of(now), 0, "a string must be in quotes, \"...\"");
    if (p->has_comma && token_is(now, syntax_closing(level->bracket)))
        return fault(p, start_of(&p->before), 0, "the ',' before the '%c' is one too many",
                     now->text.ptr[0]);
    if (token_is(now, ','))
        return fault(p, start_of(now), 0, "this ',' is one too many");
    if (token_is(now, ';') && !p->has_comma)
        return fault(p, gap_before(p), level->line,
                     "a '%c' is missing before the ';', for the '%c' of",
                     syntax_closing(level->bracket), level->bracket);
    return fault_closing(p) ||
           fault(p, end_before(p), 0, "a value is missing before '%c'", now->text.ptr[0]);
}

static bool fault_semicolon(struct syntax_parser *p)
{
    const char bracket = top(p)->bracket;
    struct lexer ahead = p->lexer;
    struct token next = token_next(&ahead);

    if (token_is(&next, '{') || token_is(&next, syntax_closing(bracket)) ||
        next.kind == TOKEN_STRING || next.kind == TOKEN_NUMBER)
        return fault(p, start_of(&p->now), top(p)->line,
                     token_is(&next, syntax_closing(bracket))
                         ? "the ';' is one too many in the list of"
                         : "write ',', not ';', between the elements of the list of");
    return fault(p, gap_before(p), top(p)->line,
                 "a '%c' is missing before the ';'%s, for the '%c' of", syntax_closing(bracket),
                 token_is(&p->before, '}') && (next.kind == TOKEN_NAME || token_is(&next, '}'))
                     ? ", or a '}' is one too many"
                     : "",
                 bracket);
}

/* Returns how the token before now is called in a message. */
static const char *element_before(const struct syntax_parser *p)
{
    return token_is(&p->before, '}')   ? "'}'"
           : token_is(&p->before, ')') ? "')'"
           : token_is(&p->before, ']') ? "']'"
                                       : "the element";
}

static bool explain_separator(struct syntax_parser *p)
{
    const struct token *now = &p->now;
    const struct syntax_level *level = top(p);
    const char closing = syntax_closing(level->bracket);
    const struct span shown = shown_part(p, now);

    if (fault_anywhere(p) || fault_closing(p))
        return true;
    if (is_setting_next(p) && p->before.last_line == now->line)
        return fault(p, start_of(now), level->line,
                     "expected ',' or '%c' after %s, not '%.*s', for the '%c' of", closing,
                     element_before(p), shown_len(now), now->text.ptr, level->bracket);
    if (is_setting_next(p))
        return fault(p, end_before(p), level->line,
                     "a '%c' may be missing before '%.*s', for the '%c' of", closing,
                     shown_len(now), now->text.ptr, level->bracket);
    if (token_is(now, ';'))
        return fault_semicolon(p);
    if (p->before.last_line < now->line)
        return fault(p, end_before(p), now->line,
                     "a comma is missing after %s, before the next element in", element_before(p));
    return fault(p, end_before(p), 0, "a comma is missing after %s, before '%.*s'",
                 element_before(p), (int)shown.len, shown.ptr);
}

bool syntax_explain(struct syntax_parser *p)
{
    switch (p->wanted) {
    case WANT_NAME: return explain_name(p);
    case WANT_EQUALS: return explain_equals(p);
    case WANT_VALUE: return explain_value(p);
    case WANT_SEPARATOR: return explain_separator(p);
    }
    return false; /* GCOVR_EXCL_LINE: the switch has every value */
}
