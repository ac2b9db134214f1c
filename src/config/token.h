/* token.h - splits a configuration file into tokens, as libconfig does. Pure. Private to
 * src/config. */
#ifndef PODOP_CONFIG_TOKEN_H
#define PODOP_CONFIG_TOKEN_H

#include "podop/span.h"

enum token_kind {
    TOKEN_END,
    TOKEN_NAME, /* also true and false */
    TOKEN_NUMBER,
    TOKEN_STRING,  /* with its quotes */
    TOKEN_MARK,    /* one of = : ; , { } ( ) [ ] */
    TOKEN_WORD,    /* letters and digits that are neither a name nor a number */
    TOKEN_STRANGE, /* a character that has no meaning outside of strings and comments */
};

struct token {
    enum token_kind kind;
    struct span text;
    unsigned line, last_line; /* where it begins and where it ends, from 1 */
    bool is_open;             /* a string without its closing quote */
};

struct lexer {
    struct span rest;
    unsigned line;
};

/* Takes the next token off the front of the lexer's rest, with the blanks and comments before it.
 */
struct token token_next(struct lexer *lexer);

bool token_is(const struct token *token, char mark);
bool token_is_bool(const struct token *token);

#endif
