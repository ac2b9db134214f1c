/* control.h - one order over podop's control socket, and its answer: a JSON object each. Private to
 * podopctl. */
#ifndef PODOP_CTL_CONTROL_H
#define PODOP_CTL_CONTROL_H

#include "options.h"
#include "output.h"

#include "podop/buf.h"

/* Whether the words of the command line can travel: JSON is UTF-8. */
bool control_can_carry(const struct options *options);

/* Gives the order, with table and key (NULL: none), and the user if there is one. Fills answer,
 * which is to be deinit'ed in any case, with the line that comes back, a JSON object. 0, or -1. */
int control_ask(const struct options *options, const char *command, const char *table,
                const char *key, struct buf *answer, struct error *err);

/* Prints the object if that is wanted, or else the error in it. EXIT_FOUND when it is ok and not
 * printed yet; *is_over: there is nothing more to be done but to exit. */
enum exit_status control_begin_output(const struct options *options, const struct buf *answer,
                                      bool *is_over);

/* Adds the string that the pointer leads to, decoded; false: there is none. */
bool control_text(struct span object, const char *pointer, struct buf *text);

#endif
