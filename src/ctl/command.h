/* command.h - the commands of podopctl. Each takes options that were checked against its entry in
 * podopctl.c, and returns the exit status. Private to podopctl. */
#ifndef PODOP_CTL_COMMAND_H
#define PODOP_CTL_COMMAND_H

#include "options.h"
#include "status.h"

struct command {
    const char *name;
    const char *usage;         /* the arguments, for messages */
    size_t args_min, args_max; /* not counting the name */
    const char *options;       /* letters of the options that it accepts */
    enum exit_status (*run)(const struct options *options);
};

enum exit_status command_get(const struct options *options);
enum exit_status command_set(const struct options *options);
enum exit_status command_unset(const struct options *options);
enum exit_status command_inc(const struct options *options);
enum exit_status command_iterate(const struct options *options);
enum exit_status command_explain(const struct options *options);
enum exit_status command_flush(const struct options *options);
enum exit_status command_reload(const struct options *options);
enum exit_status command_stats(const struct options *options);
enum exit_status command_top(const struct options *options);

#endif
