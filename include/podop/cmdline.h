/* cmdline.h - podop's command line, taken apart. Values are checked by config_load(), the same way
 * as those of the file. */
#ifndef PODOP_CMDLINE_H
#define PODOP_CMDLINE_H

#include "podop/settings.h"

enum cmdline_action { CMDLINE_RUN, CMDLINE_CHECK, CMDLINE_VERSION, CMDLINE_HELP };

struct cmdline {
    enum cmdline_action action;
    struct config_source source; /* borrows from argv and from the arrays below */
    struct cmdline_socket *sockets;
    struct cmdline_table *tables;
    struct cmdline_set *sets;
};

/* 0, or -1 with ERR_USAGE: an unknown option, a missing argument, stray words, unequal numbers of
 * --name, --type and --param. default_config is what is read when neither a file, nor a socket, nor
 * a table is given. argv must outlive the cmdline. --help and --version end the reading: what is
 * behind them is not looked at. On failure nothing is left to deinit. Uses getopt's own globals. */
int cmdline_parse(struct cmdline *cmdline, int argc, char **argv, const char *default_config,
                  struct error *err);
void cmdline_deinit(struct cmdline *cmdline);

extern const char cmdline_help[]; /* what --help prints */

#endif
