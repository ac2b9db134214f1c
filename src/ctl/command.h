/* command.h - what podopctl can do: each command takes the options that were checked against its
 * entry in podopctl.c, and returns what to exit with. Private to podopctl. */
#ifndef PODOP_CTL_COMMAND_H
#define PODOP_CTL_COMMAND_H

#include "options.h"
#include "status.h"

struct command {
    const char *name;
    const char *usage;         /* what stands behind the name */
    size_t args_min, args_max; /* without the name */
    const char *options;       /* the letters of those it knows */
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

/* "podopctl: TEXT" and a hint at --help; returns EXIT_USAGE. */
enum exit_status command_usage(const char *text);

#endif
