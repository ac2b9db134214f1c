/* podopctl.c - the administrator's client. It asks a running podop over the protocols of Postfix
 * and Dovecot, so it prints what they would get. */
#include "ctl/command.h"
#include "ctl/output.h"

#include "podop/mem.h"
#include "podop/socket_address.h"
#include "podop/suggestion.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Options: s socket, c control, t timeout, a as, u user, j json; R N M are those of iterate, F of
 * get, O I of top. */
static const struct command commands[] = {
    {"get", "TABLE KEY...", 2, SIZE_MAX, "stauFcj", command_get},
    {"set", "TABLE KEY VALUE", 3, 3, "stauj", command_set},
    {"unset", "TABLE KEY...", 2, SIZE_MAX, "stauj", command_unset},
    {"inc", "TABLE KEY [NUMBER]", 2, 3, "stauj", command_inc},
    {"iterate", "TABLE [PATH]", 1, 2, "staujRNM", command_iterate},
    {"explain", "TABLE KEY", 2, 2, "ctuj", command_explain},
    {"flush", "TABLE [KEY]", 1, 2, "ctuj", command_flush},
    {"reload", "", 0, 0, "ctj", command_reload},
    {"stats", "", 0, 0, "ctj", command_stats},
    {"top", "", 0, 0, "ctOI", command_top},
};

#define COMMAND_NAMES "get, set, unset, inc, iterate, explain, flush, reload, stats, top"

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    }
    return NULL;
}

/* Says what an unknown command probably means. */
static void fault_unknown(const struct options *o, struct error *err)
{
    const char *word = o->args[0];
    struct suggestion suggestion = {.word = word};

    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        suggestion_offer(&suggestion, commands[i].name);
    if (strcmp(word, "help") == 0 || strcmp(word, "version") == 0)
        error_set(err, ERR_USAGE, "unknown command '%s' (did you mean --%s?)", word, word);
    else if (strcmp(word, "lookup") == 0 || strcmp(word, "query") == 0)
        error_set(err, ERR_USAGE, "unknown command '%s' (did you mean 'get'?)", word);
    else if (suggestion.best != NULL)
        error_set(err, ERR_USAGE, "unknown command '%.200s' (did you mean '%s'?)", word,
                  suggestion.best);
    else if (o->count > 1 && find_command(o->args[1]) != NULL)
        error_set(err, ERR_USAGE,
                  "unknown command '%.200s': the command comes first, as in "
                  "podopctl %s %.200s",
                  word, o->args[1], word);
    else
        error_set(err, ERR_USAGE, "unknown command '%.200s'; commands are: " COMMAND_NAMES, word);
}

/* Checks the command line against the command, before anything is sent. */
static int check(const struct command *command, const struct options *o, struct error *err)
{
    size_t count = o->count - 1;

    if (options_check(o, command->name, command->options, err) == -1)
        return -1;
    if (count < command->args_min || count > command->args_max)
        return error_set(err, ERR_USAGE, "usage: podopctl %s%s%s", command->name,
                         command->usage[0] == '\0' ? "" : " ", command->usage);
    if (o->as == AS_POSTFIX && command->run != command_get)
        return error_set(err, ERR_USAGE,
                         "%s has no --as postfix: the socketmap protocol has lookups only",
                         command->name);
    if (o->control[0] != '/')
        return error_set(err, ERR_USAGE, "--control takes an absolute path, not '%.200s'",
                         o->control);
    return socket_address_check(o->where, err);
}

static enum exit_status run(const struct options *o)
{
    const struct command *command;
    struct error err = {0};

    if (o->count == 0)
        return output_usage("no command given; commands are: " COMMAND_NAMES);
    command = find_command(o->args[0]);
    if (command == NULL) {
        fault_unknown(o, &err);
        return output_usage(err.text);
    }
    if (check(command, o, &err) == -1)
        return output_usage(err.text);
    return command->run(o);
}

/* Opens closed standard descriptors, so that a socket cannot get one of their numbers. They are
 * opened for the wrong direction, so that using them still fails. */
static void keep_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1)
            open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY); /* gets the number fd */
    }
}

int main(int argc, char **argv)
{
    struct error err = {0};
    struct options options;
    enum exit_status status = EXIT_FOUND;

    keep_standard_files();
    if (options_parse(&options, argc, argv, &err) == -1)
        return (int)output_usage(err.text);
    switch (options.action) {
    case OPTIONS_HELP: fputs(options_help, stdout); break;
    case OPTIONS_VERSION: printf("podopctl %s\n", PODOP_VERSION); break;
    case OPTIONS_RUN: status = run(&options); break;
    }
    options_deinit(&options);
    return (int)status;
}
