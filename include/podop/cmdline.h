/* cmdline.h - parses podop's command line. config_load() checks the values, as it checks those of
 * the file. */
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

/* Parses argv, which must outlive the cmdline. Returns 0, or -1 with ERR_USAGE: an unknown option,
 * a missing argument, stray words, or unequal numbers of --name, --type and --param. After a
 * failure there is nothing to deinit. default_config is the file to read when no file, no socket
 * and no table is given. Parsing ends at --help and --version. Uses getopt's global variables. */
int cmdline_parse(struct cmdline *cmdline, int argc, char **argv, const char *default_config,
                  struct error *err);
void cmdline_deinit(struct cmdline *cmdline);

extern const char cmdline_help[]; /* what --help prints */

#endif
