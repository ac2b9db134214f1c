/* options.h - parses the command line of podopctl. Private to podopctl. */
#ifndef PODOP_CTL_OPTIONS_H
#define PODOP_CTL_OPTIONS_H

#include "podop/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum asks_as { AS_UNSAID, AS_POSTFIX, AS_DOVECOT };

enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION };

enum { OPTIONS_GIVEN_MAX = 16 };

struct options {
    enum options_action action;
    const char *where;   /* an address as written */
    const char *control; /* the path of the control socket */
    enum asks_as as;
    const char *user; /* NULL: a shared key */
    bool is_json;
    uint32_t timeout_ms; /* for each wait for podop */
    bool recurse, no_values;
    bool shows_forms;
    bool shows_once;
    uint32_t interval_ms; /* between two questions of top */
    uint64_t max_rows;    /* 0: all */

    char given[OPTIONS_GIVEN_MAX]; /* the letters of the given options, each once */
    const char **args;             /* pointers into argv: the command and its arguments */
    size_t count;
};

/* Returns 0, or -1 with ERR_USAGE. Parsing ends at --help and --version. Options may stand anywhere
 * before "--". A negative number and a single "-" are arguments. Uses getopt's global variables. */
int options_parse(struct options *options, int argc, char **argv, struct error *err);
void options_deinit(struct options *options);

/* Returns 0, or -1 with ERR_USAGE if an option was given whose letter is not in known. */
int options_check(const struct options *options, const char *command, const char *known,
                  struct error *err);

extern const char options_help[]; /* what --help prints */

#endif
