/* syntax_parser.h - the state of the parser that looks for the first fault of a configuration file,
 * and the explanations of such faults. Private to syntax*.c. */
#ifndef PODOP_CONFIG_SYNTAX_PARSER_H
#define PODOP_CONFIG_SYNTAX_PARSER_H

#include "syntax_fault.h"
#include "token.h"

#include <stddef.h>

enum syntax_wanted { WANT_NAME, WANT_EQUALS, WANT_VALUE, WANT_SEPARATOR };

/* An open bracket, or the file itself. */
struct syntax_level {
    char bracket; /* '\0': the file */
    unsigned line;
    const char *at;      /* the bracket */
    struct token *names; /* the names of its settings so far */
    size_t name_count;
};

struct syntax_parser {
    struct span text;
    struct lexer lexer;
    unsigned error_line;
    struct syntax_fault *fault;
    struct syntax_level *levels;
    size_t depth;
    enum syntax_wanted wanted;
    struct token now, before; /* before has kind END at the beginning */
    struct token suspect;     /* the first string after which no string can end, or kind END */
    struct token name;        /* of the setting whose value follows or came last */
    struct token bare_name;   /* of the setting before it, if only its value without quotes, on the
                                 same line, is between the names; else kind END */
    bool may_end;             /* WANT_NAME: a ';' or ',' may come before it */
    bool has_comma;           /* WANT_VALUE: an element has to follow */
    void (*joined)(void *arg, unsigned line); /* may be NULL */
    void *joined_arg;
};

static inline bool syntax_is_list(const struct syntax_level *level)
{
    return level->bracket == '(' || level->bracket == '[';
}

static inline char syntax_closing(char bracket)
{
    return bracket == '(' ? ')' : bracket == '[' ? ']' : '}';
}

/* Each of the following explains why p->now must not be where it is, and returns true. */
bool syntax_explain(struct syntax_parser *p);             /* by what was wanted */
bool syntax_explain_open_string(struct syntax_parser *p); /* p->now has no closing quote */

#endif
