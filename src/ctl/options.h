/* options.h - podopctl's command line, taken apart. Private to podopctl. */
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
    const char *where;   /* an address as the user spelt it */
    const char *control; /* the path of the control socket */
    enum asks_as as;
    const char *user; /* NULL: nobody's key, but one that all share */
    bool is_json;
    uint32_t timeout_ms; /* of each wait for podop */
    bool recurse, no_values;
    uint64_t max_rows; /* 0: all */

    char given[OPTIONS_GIVEN_MAX]; /* the letters of the options that were there, each once */
    const char **args;             /* of argv: the command and what belongs to it */
    size_t count;
};

/* 0, or -1 with ERR_USAGE. --help and --version end the reading. Options may stand anywhere; "--"
 * ends them, and a negative number or a lone "-" is none. Uses getopt's own globals. */
int options_parse(struct options *options, int argc, char **argv, struct error *err);
void options_deinit(struct options *options);

/* 0, or -1 with ERR_USAGE where an option was given that is not among the letters of known. */
int options_check(const struct options *options, const char *command, const char *known,
                  struct error *err);

extern const char options_help[]; /* what --help prints */

#endif
