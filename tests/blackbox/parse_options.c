/* parse_options.c - prints the parsed command line of podop or podopctl, whichever the first
 * argument names. test_build.py compares the output with that of a build with another C library. */
#include "ctl/options.h"
#include "podop/cmdline.h"

#include <stdio.h>
#include <string.h>

enum { EXIT_USAGE = 64 };

static const char *text(const char *found)
{
    return found == NULL ? "(none)" : found;
}

static int parse_podop(int argc, char **argv, struct error *err)
{
    struct cmdline cmdline;

    if (cmdline_parse(&cmdline, argc, argv, "DEFAULT", err) == -1)
        return -1;
    printf("action %d file %s verbose %d\n", (int)cmdline.action, text(cmdline.source.file),
           cmdline.source.verbose);
    for (size_t i = 0; i < cmdline.source.socket_count; i++)
        printf("socket %s mode %s\n", cmdline.sockets[i].socket, text(cmdline.sockets[i].mode));
    for (size_t i = 0; i < cmdline.source.table_count; i++)
        printf("table %s %s %s\n", cmdline.tables[i].name, cmdline.tables[i].type,
               cmdline.tables[i].param);
    cmdline_deinit(&cmdline);
    return 0;
}

static int parse_podopctl(int argc, char **argv, struct error *err)
{
    struct options options;

    if (options_parse(&options, argc, argv, err) == -1)
        return -1;
    printf("action %d where %s given %s user %s\n", (int)options.action, options.where,
           options.given, text(options.user));
    for (size_t i = 0; i < options.count; i++)
        printf("argument %s\n", options.args[i]);
    options_deinit(&options);
    return 0;
}

int main(int argc, char **argv)
{
    struct error err = {0};
    int (*parse)(int argc, char **argv, struct error *err) = parse_podop;

    if (argc < 2)
        return 1;
    if (strcmp(argv[1], "podopctl") == 0)
        parse = parse_podopctl;
    if (parse(argc - 1, argv + 1, &err) == 0)
        return 0;
    printf("%s\n", err.text);
    return EXIT_USAGE;
}
