/* control.h - one command over podop's control socket. Command and answer are a JSON object each.
 * Private to podopctl. */
#ifndef PODOP_CTL_CONTROL_H
#define PODOP_CTL_CONTROL_H

#include "options.h"
#include "output.h"

#include "podop/buf.h"

/* Returns whether the arguments are UTF-8, which JSON needs. */
bool control_can_carry(const struct options *options);

/* Sends command with table and key (NULL: none) and the user of the options. Fills answer with the
 * JSON object that comes back. The caller must call buf_deinit() on answer in any case. Returns 0,
 * or -1. */
int control_ask(const struct options *options, const char *command, const char *table,
                const char *key, struct buf *answer, struct error *err);

/* Prints the answer if the options ask for JSON, or else the error in it. Returns the exit status,
 * and in *is_over whether nothing else is left to print. */
enum exit_status control_begin_output(const struct options *options, const struct buf *answer,
                                      bool *is_over);

/* Returns EXIT_FOUND, or prints the error in the answer and returns the status of a failure. */
enum exit_status control_check(const struct buf *answer);

/* Appends the decoded string that the JSON pointer leads to. Returns false if there is none. */
bool control_text(struct span object, const char *pointer, struct buf *text);

#endif
