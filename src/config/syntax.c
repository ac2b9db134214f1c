#include "syntax.h"

#include "syntax_parser.h"

#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>

enum {
    NAME_BYTES_SHOWN = 40,
    DUPLICATE_LINES = 2, /* libconfig may have read one line more when it finds a duplicate */
};

static struct syntax_level *top(const struct syntax_parser *p)
{
    return &p->levels[p->depth - 1];
}

static void open_level(struct syntax_parser *p, char bracket)
{
    p->levels = xreallocarray(p->levels, p->depth + 1, sizeof(p->levels[0]));
    p->levels[p->depth++] =
        (struct syntax_level){.bracket = bracket, .line = p->now.line, .at = p->now.text.ptr};
    p->wanted = bracket == '(' || bracket == '[' ? WANT_VALUE : WANT_NAME;
    p->may_end = p->has_comma = false;
}

static void end_value(struct syntax_parser *p)
{
    p->wanted = syntax_is_list(top(p)) ? WANT_SEPARATOR : WANT_NAME;
    p->may_end = true;
}

static void close_level(struct syntax_parser *p)
{
    free(top(p)->names);
    p->depth--;
    end_value(p);
}

/* Returns whether the name is set already. Only a name near the line that libconfig reports can be
 * the duplicate. */
static bool is_duplicate(struct syntax_parser *p)
{
    struct syntax_level *level = top(p);

    if (p->now.line > p->error_line || p->now.line + DUPLICATE_LINES <= p->error_line)
        return false;
    for (size_t i = 0; i < level->name_count; i++) {
        if (!span_equal(level->names[i].text, p->now.text))
            continue;
        p->fault->is_duplicate = true;
        p->fault->line = p->now.line;
        p->fault->at = p->now.text.ptr;
        p->fault->other_line = level->names[i].line;
        snprintf(p->fault->hint, sizeof(p->fault->hint), "%.*s",
                 p->now.text.len > NAME_BYTES_SHOWN ? NAME_BYTES_SHOWN : (int)p->now.text.len,
                 p->now.text.ptr);
        return true;
    }
    return false;
}

/* Returns whether a value without quotes and without a ';' ends right before now. */
static bool ends_bare_value(const struct syntax_parser *p)
{
    return p->may_end && p->before.line == p->now.line &&
           (p->before.kind == TOKEN_NUMBER || token_is_bool(&p->before));
}

static bool take_setting(struct syntax_parser *p)
{
    struct syntax_level *level = top(p);

    if (is_duplicate(p))
        return true;
    if ((level->name_count & (level->name_count - 1)) == 0) /* room for twice as many */
        level->names =
            xreallocarray(level->names, level->name_count == 0 ? 1 : level->name_count * 2,
                          sizeof(level->names[0]));
    level->names[level->name_count++] = p->now;
    p->bare_name = ends_bare_value(p) ? p->name : (struct token){0};
    p->name = p->now;
    p->wanted = WANT_EQUALS;
    return false;
}

/* Each of the following takes one token, and returns true when it is a fault. */

static bool goes_on_as_string(const struct syntax_parser *p)
{
    return p->now.kind == TOKEN_STRING && p->before.kind == TOKEN_STRING;
}

static bool take_in_group(struct syntax_parser *p)
{
    if (p->may_end && (token_is(&p->now, ';') || token_is(&p->now, ',')))
        p->may_end = false;
    else if (p->now.kind == TOKEN_NAME)
        return take_setting(p);
    else if (top(p)->bracket == '{' && token_is(&p->now, '}'))
        close_level(p);
    else if (!goes_on_as_string(p))
        return syntax_explain(p);
    return false;
}

static bool take_equals(struct syntax_parser *p)
{
    if (!token_is(&p->now, '=') && !token_is(&p->now, ':'))
        return syntax_explain(p);
    p->wanted = WANT_VALUE;
    return false;
}

/* Newer versions of libconfig let a list end with a comma. */
static bool may_close(const struct syntax_parser *p)
{
    return syntax_is_list(top(p)) && token_is(&p->now, syntax_closing(top(p)->bracket)) &&
           !(p->has_comma && p->now.line == p->error_line);
}

static bool take_value(struct syntax_parser *p)
{
    const bool opens = token_is(&p->now, '{') || token_is(&p->now, '(') || token_is(&p->now, '[');

    if (opens && top(p)->bracket != '[')
        open_level(p, p->now.text.ptr[0]);
    else if (p->now.kind == TOKEN_STRING || p->now.kind == TOKEN_NUMBER || token_is_bool(&p->now))
        end_value(p);
    else if (may_close(p))
        close_level(p);
    else
        return syntax_explain(p);
    return false;
}

static bool take_separator(struct syntax_parser *p)
{
    if (token_is(&p->now, ',')) {
        p->wanted = WANT_VALUE;
        p->has_comma = true;
    } else if (token_is(&p->now, syntax_closing(top(p)->bracket))) {
        close_level(p);
    } else if (!goes_on_as_string(p)) {
        return syntax_explain(p);
    } else if (p->joined != NULL) {
        p->joined(p->joined_arg, p->now.line);
    }
    return false;
}

static bool take_token(struct syntax_parser *p)
{
    switch (p->wanted) {
    case WANT_NAME: return take_in_group(p);
    case WANT_EQUALS: return take_equals(p);
    case WANT_VALUE: return take_value(p);
    case WANT_SEPARATOR: return take_separator(p);
    }
    return false; /* GCOVR_EXCL_LINE: the switch has every value */
}

/* Remembers the first string that is directly before a letter or the like. After a missing quote,
 * the inside and the outside of all strings are swapped, so it is missing in that string. */
static void remember_suspect(struct syntax_parser *p)
{
    const struct span rest = p->lexer.rest;

    if (p->suspect.kind == TOKEN_END && p->now.kind == TOKEN_STRING && rest.len > 0 &&
        (rest.ptr[0] == '\0' || strchr(" \t\r\n\f\v;,)]}#", rest.ptr[0]) == NULL))
        p->suspect = p->now;
}

/* Parses the text. Returns whether there is a fault, with p->now where it was seen. */
static bool parse(struct syntax_parser *p)
{
    bool is_found = false, is_end = false;

    open_level(p, '\0');
    while (!is_found && !is_end) {
        p->now = token_next(&p->lexer);
        is_end = p->now.kind == TOKEN_END && p->depth == 1 && p->wanted == WANT_NAME;
        is_found = !is_end && (p->now.is_open ? syntax_explain_open_string(p) : take_token(p));
        if (is_found)
            break;
        remember_suspect(p);
        p->before = p->now;
    }
    while (p->depth > 0)
        free(p->levels[--p->depth].names);
    free(p->levels);
    return is_found;
}

bool syntax_find(struct span text, unsigned error_line, struct syntax_fault *fault)
{
    struct syntax_parser p = {
        .text = text, .lexer = {text, 1}, .error_line = error_line, .fault = fault};

    *fault = (struct syntax_fault){0};
    if (!parse(&p) || p.now.line > error_line)
        *fault = (struct syntax_fault){0};
    else
        fault->must_not_parse = p.now.kind == TOKEN_STRING || p.now.kind == TOKEN_WORD ||
                                token_next(&p.lexer).kind == TOKEN_STRING;
    return fault->line > 0;
}

void syntax_find_joined(struct span text, syntax_joined_fn *joined, void *arg)
{
    struct syntax_fault ignored = {0};
    struct syntax_parser p = {
        .text = text, .lexer = {text, 1}, .error_line = SYNTAX_ANY_LINE, .fault = &ignored};

    p.joined = joined;
    p.joined_arg = arg;
    parse(&p);
}
