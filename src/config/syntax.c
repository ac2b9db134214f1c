#include "syntax.h"

#include "token.h"

#include "podop/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    NAME_BYTES_SHOWN = 40,
    DUPLICATE_LINES = 2, /* libconfig may have read one line more when it finds a duplicate */
};

enum wanted { WANT_NAME, WANT_EQUALS, WANT_VALUE, WANT_SEPARATOR };

/* An open bracket, or the file itself. */
struct level {
    char bracket; /* '\0': the file */
    unsigned line;
    struct token *names; /* the names of its settings so far */
    size_t name_count;
};

struct parser {
    struct lexer lexer;
    unsigned error_line;
    struct syntax_fault *fault;
    struct level *levels;
    size_t depth;
    enum wanted wanted;
    struct token now, before; /* before has kind END at the beginning */
    struct token string;      /* the last string before now */
    struct token name;        /* of the setting whose value follows */
    bool may_end;             /* WANT_NAME: a ';' or ',' may come before it */
    bool has_comma;           /* WANT_VALUE: an element has to follow */
    syntax_joined_fn *joined; /* may be NULL */
    void *joined_arg;
};

static struct level *top(const struct parser *p)
{
    return &p->levels[p->depth - 1];
}

static bool is_list(const struct level *level)
{
    return level->bracket == '(' || level->bracket == '[';
}

static char closing(char bracket)
{
    switch (bracket) {
    case '(': return ')';
    case '[': return ']';
    default: return '}';
    }
}

/* Sets the fault. Always returns true. */
__attribute__((format(printf, 3, 4))) static bool fault(struct parser *p, unsigned other_line,
                                                        const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(p->fault->hint, sizeof(p->fault->hint), format, args);
    va_end(args);
    p->fault->line = p->now.line;
    p->fault->is_string = p->now.kind == TOKEN_STRING;
    p->fault->other_line = other_line;
    return true;
}

static int shown_len(const struct token *token)
{
    return token->text.len > NAME_BYTES_SHOWN ? NAME_BYTES_SHOWN : (int)token->text.len;
}

/* Returns whether token looks like a quotation mark, but is not one for libconfig. */
static bool is_other_quote(const struct token *token)
{
    static const char *const quotes[] = {
        "'",
        "\xe2\x80\x98", /* in order: 6 and 9, single and double, low, angle */
        "\xe2\x80\x99",
        "\xe2\x80\x9c",
        "\xe2\x80\x9d",
        "\xe2\x80\x9e",
        "\xc2\xab",
        "\xc2\xbb",
        "`",
    };

    for (size_t i = 0; i < ARRAY_LEN(quotes); i++) {
        if (token->kind == TOKEN_STRANGE && span_equal(token->text, span_of(quotes[i])))
            return true;
    }
    return false;
}

/* Returns whether the closing quote of string is probably missing, because string extends over
 * several lines or settings. */
static bool lacks_quote(const struct token *string)
{
    return string->kind == TOKEN_STRING &&
           (string->last_line > string->line ||
            memmem(string->text.ptr, string->text.len, "; ", 2) != NULL);
}

/* Looks for faults that can be anywhere. */
static bool fault_anywhere(struct parser *p)
{
    const struct token *now = &p->now;

    if (is_other_quote(now))
        return fault(p, 0, "%.*s is not a quotation mark here: write \"", shown_len(now),
                     now->text.ptr);
    if (lacks_quote(&p->string) && p->string.last_line + 1 >= now->line)
        return fault(p, p->string.line,
                     "a closing quote may be missing: the last string begins in");
    if (now->kind == TOKEN_STRANGE && span_equal(now->text, SPAN("\xef\xbb\xbf")))
        return fault(p, 0, "the file must not contain a byte order mark");
    if (now->kind == TOKEN_STRANGE && now->text.ptr[0] == '@')
        return fault(p, 0,
                     "@include must be the first word of its line, with the name of a file in "
                     "quotes after it");
    if (top(p)->bracket != '\0' && now->kind == TOKEN_END)
        return fault(p, top(p)->line, "'%c' is missing at the end of the file, for the '%c' of",
                     closing(top(p)->bracket), top(p)->bracket);
    return false;
}

/* Looks for a closing bracket that does not match the open one. */
static bool fault_closing(struct parser *p)
{
    const struct level *level = top(p);

    if (!token_is(&p->now, '}') && !token_is(&p->now, ')') && !token_is(&p->now, ']'))
        return false;
    if (level->bracket == '\0')
        return fault(p, 0, "'%c' without an opening bracket", p->now.text.ptr[0]);
    return fault(p, level->line, "a '%c' is missing before this '%c', for the '%c' of",
                 closing(level->bracket), p->now.text.ptr[0], level->bracket);
}

static bool is_setting_next(const struct parser *p)
{
    struct lexer ahead = p->lexer;
    struct token next = token_next(&ahead);

    return p->now.kind == TOKEN_NAME && (token_is(&next, '=') || token_is(&next, ':'));
}

static bool fault_name(struct parser *p)
{
    const struct token *now = &p->now;
    const int first = now->text.len == 0 ? '\0' : now->text.ptr[0];

    if (fault_anywhere(p) || fault_closing(p))
        return true;
    if (token_is(now, ';') || token_is(now, ','))
        return fault(p, 0, "unexpected '%c'", first);
    if (now->kind == TOKEN_STRING && token_is(&p->before, ','))
        return fault(p, 0, "several strings are written as a list, [ \"a\", \"b\" ]");
    if (now->kind == TOKEN_STRING)
        return fault(p, 0, "expected the name of a setting, without quotes");
    if (token_is(now, '{') && top(p)->bracket == '{')
        return fault(p, top(p)->line,
                     "a list of groups is written ( { ... }, { ... } ), but this is in the '{' of");
    return fault(p, 0, "expected a setting, NAME = VALUE");
}

static bool fault_equals(struct parser *p)
{
    return fault_anywhere(p) ||
           fault(p, 0, "a '=' is missing after '%.*s'", shown_len(&p->name), p->name.text.ptr);
}

static bool fault_value(struct parser *p)
{
    const struct token *now = &p->now;
    const struct level *level = top(p);
    const bool has_name = !is_list(level);

    if (fault_anywhere(p))
        return true;
    if (!has_name && is_setting_next(p))
        return fault(p, 0, "settings in a list are written in groups, ( { %.*s = ...; } )",
                     shown_len(now), now->text.ptr);
    if (has_name && now->kind == TOKEN_MARK)
        return fault(p, 0, "a value is missing after '%.*s ='", shown_len(&p->name),
                     p->name.text.ptr);
    if (has_name)
        return fault(p, 0, "the value of '%.*s' must be in quotes, \"...\"", shown_len(&p->name),
                     p->name.text.ptr);
    if (level->bracket == '[' && (token_is(now, '{') || token_is(now, '(')))
        return fault(p, 0, "groups and lists are written in ( ), not in [ ]");
    if (now->kind != TOKEN_MARK)
        return fault(p, 0, "a string must be in quotes, \"...\"");
    if (p->has_comma && token_is(now, closing(level->bracket)))
        return fault(p, p->before.line, "an element is missing after the comma in");
    return fault_closing(p) || fault(p, 0, "a value is missing before '%c'", now->text.ptr[0]);
}

static bool fault_separator(struct parser *p)
{
    const struct token *now = &p->now;
    const struct level *level = top(p);

    if (fault_anywhere(p) || fault_closing(p))
        return true;
    if (is_setting_next(p))
        return fault(p, level->line, "a '%c' may be missing before '%.*s', for the '%c' of",
                     closing(level->bracket), shown_len(now), now->text.ptr, level->bracket);
    if (token_is(now, ';'))
        return fault(p, level->line, "expected ',' or '%c', not ';', in the list of",
                     closing(level->bracket));
    if (p->before.last_line < now->line)
        return fault(p, p->before.last_line, "a comma is missing at the end of");
    return fault(p, 0, "a comma is missing before '%.*s'", shown_len(now), now->text.ptr);
}

static void open_level(struct parser *p, char bracket)
{
    p->levels = xreallocarray(p->levels, p->depth + 1, sizeof(p->levels[0]));
    p->levels[p->depth++] = (struct level){.bracket = bracket, .line = p->now.line};
    p->wanted = bracket == '(' || bracket == '[' ? WANT_VALUE : WANT_NAME;
    p->may_end = p->has_comma = false;
}

static void end_value(struct parser *p)
{
    p->wanted = is_list(top(p)) ? WANT_SEPARATOR : WANT_NAME;
    p->may_end = true;
}

static void close_level(struct parser *p)
{
    free(top(p)->names);
    p->depth--;
    end_value(p);
}

/* Returns whether the name is set already. Only a name near the line that libconfig reports can be
 * the duplicate. */
static bool is_duplicate(struct parser *p)
{
    struct level *level = top(p);

    if (p->now.line > p->error_line || p->now.line + DUPLICATE_LINES <= p->error_line)
        return false;
    for (size_t i = 0; i < level->name_count; i++) {
        if (!span_equal(level->names[i].text, p->now.text))
            continue;
        p->fault->is_duplicate = true;
        return fault(p, level->names[i].line, "%.*s", shown_len(&p->now), p->now.text.ptr);
    }
    return false;
}

static bool take_setting(struct parser *p)
{
    struct level *level = top(p);

    if (is_duplicate(p))
        return true;
    if ((level->name_count & (level->name_count - 1)) == 0) /* room for twice as many */
        level->names =
            xreallocarray(level->names, level->name_count == 0 ? 1 : level->name_count * 2,
                          sizeof(level->names[0]));
    level->names[level->name_count++] = p->now;
    p->name = p->now;
    p->wanted = WANT_EQUALS;
    return false;
}

/* Each of the following takes one token, and returns true when it is a fault. */

static bool goes_on_as_string(const struct parser *p)
{
    return p->now.kind == TOKEN_STRING && p->before.kind == TOKEN_STRING;
}

static bool take_in_group(struct parser *p)
{
    if (p->may_end && (token_is(&p->now, ';') || token_is(&p->now, ',')))
        p->may_end = false;
    else if (p->now.kind == TOKEN_NAME)
        return take_setting(p);
    else if (top(p)->bracket == '{' && token_is(&p->now, '}'))
        close_level(p);
    else if (!goes_on_as_string(p))
        return fault_name(p);
    return false;
}

static bool take_equals(struct parser *p)
{
    if (!token_is(&p->now, '=') && !token_is(&p->now, ':'))
        return fault_equals(p);
    p->wanted = WANT_VALUE;
    return false;
}

/* Newer versions of libconfig let a list end with a comma. */
static bool may_close(const struct parser *p)
{
    return is_list(top(p)) && token_is(&p->now, closing(top(p)->bracket)) &&
           !(p->has_comma && p->now.line == p->error_line);
}

static bool take_value(struct parser *p)
{
    const bool opens = token_is(&p->now, '{') || token_is(&p->now, '(') || token_is(&p->now, '[');

    if (opens && top(p)->bracket != '[')
        open_level(p, p->now.text.ptr[0]);
    else if (p->now.kind == TOKEN_STRING || p->now.kind == TOKEN_NUMBER || token_is_bool(&p->now))
        end_value(p);
    else if (may_close(p))
        close_level(p);
    else
        return fault_value(p);
    return false;
}

static bool take_separator(struct parser *p)
{
    if (token_is(&p->now, ',')) {
        p->wanted = WANT_VALUE;
        p->has_comma = true;
    } else if (token_is(&p->now, closing(top(p)->bracket))) {
        close_level(p);
    } else if (!goes_on_as_string(p)) {
        return fault_separator(p);
    } else if (p->joined != NULL) {
        p->joined(p->joined_arg, p->now.line);
    }
    return false;
}

static bool take_token(struct parser *p)
{
    switch (p->wanted) {
    case WANT_NAME: return take_in_group(p);
    case WANT_EQUALS: return take_equals(p);
    case WANT_VALUE: return take_value(p);
    case WANT_SEPARATOR: return take_separator(p);
    }
    return false; /* GCOVR_EXCL_LINE: the switch has every value */
}

/* Parses the text. Returns whether there is a fault. */
static bool parse(struct parser *p)
{
    bool is_found = false, is_end = false;

    open_level(p, '\0');
    while (!is_found && !is_end) {
        p->now = token_next(&p->lexer);
        is_end = p->now.kind == TOKEN_END && p->depth == 1 && p->wanted == WANT_NAME;
        is_found = !is_end && take_token(p);
        p->string = p->now.kind == TOKEN_STRING ? p->now : p->string;
        p->before = p->now;
    }
    while (p->depth > 0)
        free(p->levels[--p->depth].names);
    free(p->levels);
    return is_found;
}

bool syntax_find(struct span text, unsigned error_line, struct syntax_fault *fault)
{
    struct parser p = {.lexer = {text, 1}, .error_line = error_line, .fault = fault};

    *fault = (struct syntax_fault){0};
    if (!parse(&p) || fault->line > error_line)
        *fault = (struct syntax_fault){0};
    return fault->line > 0;
}

void syntax_find_joined(struct span text, syntax_joined_fn *joined, void *arg)
{
    struct syntax_fault ignored = {0};
    struct parser p = {.lexer = {text, 1}, .error_line = SYNTAX_ANY_LINE, .fault = &ignored};

    p.joined = joined;
    p.joined_arg = arg;
    parse(&p);
}
