/* address_list.h - a list of addresses as Postfix reads it: RFC 822 with the operators %, ! and |,
 * where missing commas are added. */
#ifndef PODOP_MAIL_ADDRESS_LIST_H
#define PODOP_MAIL_ADDRESS_LIST_H

#include "podop/buf.h"
#include "podop/span.h"

enum {
    TOKEN_ATOM = 'a', /* no letter is an operator */
    TOKEN_QUOTED = 'q',
    TOKEN_LITERAL = 'l', /* in brackets */
};

struct address_token {
    char type;        /* one of the above, or the character of an operator */
    struct span span; /* all of it */
    struct span text; /* without quotes or brackets, with backslashes */
};

struct address_list {
    struct address_token *tokens; /* without the comments */
    size_t token_count;
    struct address_range { /* of tokens: from first up to, not including, end */
        size_t first, end;
    } *addresses; /* in the order of the text */
    size_t address_count;
};

/* Reads text, which is borrowed. Every text is a list, perhaps without an address. */
void address_list_init(struct address_list *list, struct span text);
void address_list_deinit(struct address_list *list);

/* Appends the text of a token as it is meant: without backslashes and quotes. */
void address_token_add(const struct address_token *token, struct buf *out);

#endif
