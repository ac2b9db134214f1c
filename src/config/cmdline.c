#include "podop/cmdline.h"

#include "podop/mem.h"
#include "podop/suggestion.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OPT_SET = 256 };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},  {"socket", required_argument, NULL, 's'},
    {"mode", required_argument, NULL, 'm'},    {"name", required_argument, NULL, 'n'},
    {"type", required_argument, NULL, 'T'},    {"param", required_argument, NULL, 'p'},
    {"set", required_argument, NULL, OPT_SET}, {"check", no_argument, NULL, 't'},
    {"verbose", no_argument, NULL, 'v'},       {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0},
};

const char cmdline_help[] =
    "Usage: podop [OPTION]...\n"
    "Answer Postfix maps (socketmap) and Dovecot dicts from HTTP services.\n"
    "\n"
    "  -c, --config FILE     read FILE; without -c, --socket and --name, the\n"
    "                        installed default is read\n"
    "      --set PATH=VALUE  change one setting, e.g. tables.alias.cache.ttl=60,\n"
    "                        listen.[0].max_clients=1000, log.level=debug\n"
    "\n"
    "Sockets and tables, in addition to those of FILE. Each can be given several\n"
    "times; the n-th name, type and param are one table, as in\n"
    "podop -s /run/p -n a -T url -p http://[::1]:80/a/{} -n b -T json -p /etc/b.json\n"
    "  -s, --socket ADDR     listen on ADDR: /path, unix:/path, HOST:PORT,\n"
    "                        [::1]:PORT, inet:HOST:PORT, systemd:NAME\n"
    "  -m, --mode MODE       the clients of the n-th socket: auto (default),\n"
    "                        postfix, dovecot\n"
    "  -n, --name NAME       a table, which replaces the one of that name in FILE\n"
    "  -T, --type TYPE       the table's type: url, json, dns, program\n"
    "  -p, --param PARAM     its parameter: for url, a URL with {} for the key; for\n"
    "                        json, a file; for dns, mail hosts; for program, a\n"
    "                        command line\n"
    "\n"
    "  -t, --check           check the configuration, and exit\n"
    "  -v, --verbose         log more: once info, twice debug\n"
    "  -V, --version         print the version, and exit\n"
    "  -h, --help            print this help, and exit\n"
    "\n"
    "Exit status: 0 stopped or checked, 64 wrong usage, 71 cannot bind a socket or\n"
    "change the user, 75 another failure at start, 78 the configuration is faulty.\n"
    "\n"
    "See podop(8) and podop.conf(5).\n";

/* The arguments of one option that can be given several times. */
struct text_list {
    const char **items; /* of argv */
    size_t count;
};

struct parse {
    struct cmdline *cmdline;
    struct text_list sockets, modes, names, types, params;
};

static void text_list_add(struct text_list *words, const char *word)
{
    words->items = xreallocarray(words->items, words->count + 1, sizeof(words->items[0]));
    words->items[words->count++] = word;
}

static const char *text_list_at(const struct text_list *words, size_t i)
{
    return i < words->count ? words->items[i] : NULL;
}

static const char *ordinal_suffix(size_t n)
{
    if (n % 100 >= 11 && n % 100 <= 13)
        return "th";
    return n % 10 == 1 ? "st" : n % 10 == 2 ? "nd" : n % 10 == 3 ? "rd" : "th";
}

static int add_set(struct cmdline *cmdline, const char *argument, struct error *err)
{
    const char *equals = strchr(argument, '=');
    struct cmdline_set *set;

    if (equals == NULL || equals == argument)
        return error_set(err, ERR_USAGE, "--set expects PATH=VALUE, got '%s'", argument);
    cmdline->sets = xreallocarray(cmdline->sets, cmdline->source.set_count + 1, sizeof(*set));
    set = &cmdline->sets[cmdline->source.set_count++];
    *set = (struct cmdline_set){{argument, (size_t)(equals - argument)}, equals + 1};
    return 0;
}

static int unknown_option(const char *word, struct error *err)
{
    struct suggestion suggestion = {0};
    bool is_prefix = false;
    char *name;

    if (strncmp(word, "--", 2) != 0)
        return error_set(err, ERR_USAGE, "unknown option '%s'", word);
    name = xmemdup0(word + 2, strcspn(word + 2, "="));
    suggestion.word = name;
    for (const struct option *o = options; o->name != NULL; o++) {
        is_prefix = is_prefix || strncmp(o->name, name, strlen(name)) == 0;
        suggestion_offer(&suggestion, o->name);
    }
    if (is_prefix)
        error_set(err, ERR_USAGE, "option '--%s' is ambiguous", name);
    else
        error_set(err, ERR_USAGE, "unknown option '--%s'%s%s%s", name,
                  suggestion.best == NULL ? "" : " (did you mean '--",
                  suggestion.best == NULL ? "" : suggestion.best,
                  suggestion.best == NULL ? "" : "'?)");
    free(name);
    return -1;
}

static const char *long_name(int code)
{
    const struct option *o = options;

    while (o->name != NULL && o->val != code)
        o++;
    return o->name;
}

/* Reports a ':' or '?' of getopt. optopt is the known option, or 0 for an unknown long one. */
static int wrong_option(int result, char **argv, struct error *err)
{
    const char *known = optopt == 0 ? NULL : long_name(optopt);
    const char letter[] = {'-', (char)optopt, '\0'};

    if (result == ':' && known != NULL)
        return error_set(err, ERR_USAGE, "option '--%s' needs an argument", known);
    if (known != NULL)
        return error_set(err, ERR_USAGE, "option '--%s' takes no argument", known);
    return unknown_option(optopt == 0 ? argv[optind - 1] : letter, err);
}

static int take_option(struct parse *parse, int option, char **argv, struct error *err)
{
    struct cmdline *cmdline = parse->cmdline;

    switch (option) {
    case 'c':
        if (cmdline->source.file != NULL)
            return error_set(err, ERR_USAGE, "--config is given twice: '%s' and '%s'",
                             cmdline->source.file, optarg);
        cmdline->source.file = optarg;
        return 0;
    case 's': text_list_add(&parse->sockets, optarg); return 0;
    case 'm': text_list_add(&parse->modes, optarg); return 0;
    case 'n': text_list_add(&parse->names, optarg); return 0;
    case 'T': text_list_add(&parse->types, optarg); return 0;
    case 'p': text_list_add(&parse->params, optarg); return 0;
    case OPT_SET: return add_set(cmdline, optarg, err);
    case 't': cmdline->action = CMDLINE_CHECK; return 0;
    case 'v': cmdline->source.verbose += cmdline->source.verbose < 2 ? 1 : 0; return 0;
    case 'V': cmdline->action = CMDLINE_VERSION; return 0;
    case 'h': cmdline->action = CMDLINE_HELP; return 0;
    default: return wrong_option(option, argv, err);
    }
}

static int join_sockets(struct parse *parse, struct error *err)
{
    struct cmdline *cmdline = parse->cmdline;
    size_t n = parse->sockets.count + 1;

    if (parse->modes.count > parse->sockets.count)
        return error_set(err, ERR_USAGE, "the %zu%s --mode ('%s') has no --socket", n,
                         ordinal_suffix(n), parse->modes.items[n - 1]);
    cmdline->sockets = xcalloc(parse->sockets.count, sizeof(cmdline->sockets[0]));
    for (size_t i = 0; i < parse->sockets.count; i++)
        cmdline->sockets[i] =
            (struct cmdline_socket){parse->sockets.items[i], text_list_at(&parse->modes, i)};
    cmdline->source.sockets = cmdline->sockets;
    cmdline->source.socket_count = parse->sockets.count;
    return 0;
}

/* Appends the options that the n-th table lacks to the text of the error. */
static void add_lack(const struct cmdline_table *table, size_t n, struct error *err)
{
    size_t used = strlen(err->text), left = sizeof(err->text) - used;
    const char *joint = used == 0 ? "" : "; ";

    if (table->name != NULL)
        snprintf(err->text + used, left, "%stable '%s' (the %zu%s --name) has no %s%s%s", joint,
                 table->name, n, ordinal_suffix(n), table->type == NULL ? "--type" : "",
                 table->type == NULL && table->param == NULL ? " and no " : "",
                 table->param == NULL ? "--param" : "");
    else
        snprintf(err->text + used, left, "%sthe %zu%s %s%s%s ha%s no --name", joint, n,
                 ordinal_suffix(n), table->type != NULL ? "--type" : "",
                 table->type != NULL && table->param != NULL ? " and --param" : "",
                 table->type == NULL ? "--param" : "",
                 table->type != NULL && table->param != NULL ? "ve" : "s");
}

static int join_tables(struct parse *parse, struct error *err)
{
    struct cmdline *cmdline = parse->cmdline;
    size_t count = parse->names.count;
    int result = 0;

    if (count < parse->types.count)
        count = parse->types.count;
    if (count < parse->params.count)
        count = parse->params.count;
    error_set(err, ERR_NONE, "%s", "");
    cmdline->tables = xcalloc(count, sizeof(cmdline->tables[0]));
    for (size_t i = 0; i < count; i++) {
        struct cmdline_table *table = &cmdline->tables[i];

        *table =
            (struct cmdline_table){text_list_at(&parse->names, i), text_list_at(&parse->types, i),
                                   text_list_at(&parse->params, i)};
        if (table->name != NULL && table->type != NULL && table->param != NULL)
            continue;
        add_lack(table, i + 1, err);
        err->kind = ERR_USAGE;
        result = -1;
    }
    cmdline->source.tables = cmdline->tables;
    cmdline->source.table_count = count;
    return result;
}

static int take_all(struct parse *parse, int argc, char **argv, struct error *err)
{
    struct cmdline *cmdline = parse->cmdline;
    int option;

    opterr = 0;
    optind = 0; /* glibc and musl: start from the beginning again */
    while ((option = getopt_long(argc, argv, "+:c:s:m:n:T:p:tvVh", options, NULL)) != -1) {
        if (take_option(parse, option, argv, err) == -1)
            return -1;
        if (cmdline->action == CMDLINE_VERSION || cmdline->action == CMDLINE_HELP)
            return 0; /* whatever follows */
    }
    if (optind < argc)
        return error_set(err, ERR_USAGE, "unexpected argument '%s'", argv[optind]);
    if (join_sockets(parse, err) == -1 || join_tables(parse, err) == -1)
        return -1;
    cmdline->source.sets = cmdline->sets;
    return 0;
}

int cmdline_parse(struct cmdline *cmdline, int argc, char **argv, const char *default_config,
                  struct error *err)
{
    struct parse parse = {.cmdline = cmdline};
    int result;

    *cmdline = (struct cmdline){.action = CMDLINE_RUN};
    result = take_all(&parse, argc, argv, err);
    free(parse.sockets.items);
    free(parse.modes.items);
    free(parse.names.items);
    free(parse.types.items);
    free(parse.params.items);
    if (result == -1) {
        cmdline_deinit(cmdline);
        return -1;
    }
    if (cmdline->source.file == NULL && cmdline->source.socket_count == 0 &&
        cmdline->source.table_count == 0)
        cmdline->source.file = default_config;
    return 0;
}

void cmdline_deinit(struct cmdline *cmdline)
{
    free(cmdline->sets);
    free(cmdline->tables);
    free(cmdline->sockets);
    *cmdline = (struct cmdline){.action = CMDLINE_RUN};
}
