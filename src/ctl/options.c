#include "options.h"

#include "podop/mem.h"
#include "podop/suggestion.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum {
    TIMEOUT_SECONDS_DEFAULT = 30, /* Dovecot's own; the default timeout of a table is shorter */
    TIMEOUT_SECONDS_MAX = 24 * 60 * 60,
    INTERVAL_MS_DEFAULT = 2000,
    INTERVAL_MS_MIN = 100,
    INTERVAL_MS_MAX = 3600 * 1000,
};

/* Letters of options that have no short form. */
enum {
    OPTION_NO_VALUES = 'N',
    OPTION_MAX = 'M',
    OPTION_FORMS = 'F',
    OPTION_ONCE = 'O',
    OPTION_INTERVAL = 'I'
};

static const struct option longs[] = {
    {"as", required_argument, NULL, 'a'},
    {"control", required_argument, NULL, 'c'},
    {"forms", no_argument, NULL, OPTION_FORMS},
    {"interval", required_argument, NULL, OPTION_INTERVAL},
    {"json", no_argument, NULL, 'j'},
    {"max", required_argument, NULL, OPTION_MAX},
    {"no-values", no_argument, NULL, OPTION_NO_VALUES},
    {"once", no_argument, NULL, OPTION_ONCE},
    {"recurse", no_argument, NULL, 'R'},
    {"socket", required_argument, NULL, 's'},
    {"timeout", required_argument, NULL, 't'},
    {"user", required_argument, NULL, 'u'},
    {"version", no_argument, NULL, 'V'},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* '-': arguments are returned in their order. ':': a missing argument is distinguished from an
 * unknown option. */
static const char shorts[] = "-:a:c:jRs:t:u:Vh";

const char options_help[] =
    "Usage: podopctl COMMAND [ARGUMENT]... [OPTION]...\n"
    "Ask a running podop over its own sockets, as Postfix or Dovecot would, or control it\n"
    "over its control socket.\n"
    "\n"
    "  get TABLE KEY...        print the values of keys; a single - reads keys from\n"
    "                          standard input, one a line\n"
    "  set TABLE KEY VALUE     write a value; - reads it from standard input\n"
    "  unset TABLE KEY...      remove keys; a single - as with get\n"
    "  inc TABLE KEY [NUMBER]  add a number (default: 1, may be negative)\n"
    "  iterate TABLE [PATH]    print all keys that begin with PATH, and their values\n"
    "\n"
    "  explain TABLE KEY       look up, and print how the answer came about\n"
    "  flush TABLE [KEY]       remove a key, or all keys, from the cache\n"
    "  reload                  read the configuration again, and print its errors\n"
    "  stats                   print the counters\n"
    "  top                     show the counters as rates, and renew them; q ends it\n"
    "\n"
    "  -s, --socket ADDR       podop's socket: /path, unix:/path, HOST:PORT, inet:HOST:PORT\n"
    "                          (default: /run/podop/podop.sock)\n"
    "  -a, --as CLIENT         ask as postfix (default for get) or as dovecot (default for\n"
    "                          all others, and with --user)\n"
    "  -c, --control PATH      the control socket (default: /run/podop/control.sock)\n"
    "  -u, --user USER         use the private key of USER, priv/KEY, instead of shared/KEY\n"
    "  -j, --json              print one JSON object a line\n"
    "  -t, --timeout SECONDS   how long to wait for podop (default: 30; top: 5)\n"
    "      --forms             get: print each key that podop looks up, and its result, to\n"
    "                          standard error, over the control socket\n"
    "  -R, --recurse           iterate: also print keys with a / after PATH\n"
    "      --no-values         iterate: print keys only\n"
    "      --max NUMBER        iterate: print at most NUMBER keys\n"
    "      --interval SECONDS  top: how often (default: 2, at least 0.1)\n"
    "      --once              top: print one picture as text, and end\n"
    "  -V, --version           print the version\n"
    "  -h, --help              print this\n"
    "\n"
    "Exit status: 0 found or done, 1 no such key, 64 wrong usage, 75 failure, 78 errors\n"
    "in the configuration. With several keys, the worst counts.\n"
    "\n"
    "See podopctl(1).\n";

static int parse_number(const char *text, const char *option, uint64_t max, uint64_t *number,
                        struct error *err)
{
    uint64_t n = 0;

    for (const char *c = text; *c != '\0' && n <= max; c++) {
        if (*c < '0' || *c > '9')
            n = max;
        n = n > max / 10 ? max + 1 : n * 10 + (uint64_t)(*c - '0');
    }
    if (n == 0 || n > max)
        return error_set(err, ERR_USAGE, "%s takes a number from 1 to %llu, not '%s'", option,
                         (unsigned long long)max, text);
    *number = n;
    return 0;
}

static int parse_as(struct options *o, const char *client, struct error *err)
{
    if (strcmp(client, "postfix") == 0)
        o->as = AS_POSTFIX;
    else if (strcmp(client, "dovecot") == 0)
        o->as = AS_DOVECOT;
    else
        return error_set(err, ERR_USAGE, "--as takes postfix or dovecot, not '%s'", client);
    return 0;
}

static int parse_timeout(struct options *o, const char *text, struct error *err)
{
    uint64_t seconds = 0;

    if (parse_number(text, "--timeout", TIMEOUT_SECONDS_MAX, &seconds, err) == -1)
        return -1;
    o->timeout_ms = (uint32_t)seconds * 1000;
    return 0;
}

/* Takes seconds with at most three decimals. */
static int parse_interval(struct options *o, const char *text, struct error *err)
{
    const size_t whole = strspn(text, "0123456789");
    const size_t decimals = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    const size_t len = whole + (decimals > 0 ? 1 + decimals : 0);
    double ms = 0;

    if (whole > 0 && decimals <= 3 && text[len] == '\0')
        ms = strtod(text, NULL) * 1000 + 0.5; /* in the C locale */
    if (ms < INTERVAL_MS_MIN || ms >= INTERVAL_MS_MAX + 1)
        return error_set(err, ERR_USAGE, "--interval takes seconds from 0.1 to 3600, not '%s'",
                         text);
    o->interval_ms = (uint32_t)ms;
    return 0;
}

static void note_given(struct options *o, int letter)
{
    size_t len = strlen(o->given);

    if (strchr(o->given, letter) == NULL)
        o->given[len] = (char)letter; /* there are fewer letters than OPTIONS_GIVEN_MAX */
}

/* Says which option an unknown one, or one with '=' and an argument, probably means. */
static int fault_unknown(const char *word, struct error *err)
{
    char *name = xmemdup0(word, strcspn(word, "="));
    struct suggestion suggestion = {.word = name + 2};

    for (const struct option *option = longs; option->name != NULL; option++)
        suggestion_offer(&suggestion, option->name);
    if (suggestion.best != NULL && strcmp(suggestion.best, name + 2) == 0)
        error_set(err, ERR_USAGE, "'%s' takes no argument", name);
    else
        error_set(err, ERR_USAGE, "unknown option '%s'%s%s%s", name,
                  suggestion.best == NULL ? "" : " (did you mean '--",
                  suggestion.best == NULL ? "" : suggestion.best,
                  suggestion.best == NULL ? "" : "'?)");
    free(name);
    return -1;
}

/* With musl, optind is one too large if the argument of a short option is missing. */
static int fault_of_option(int why, char **argv, struct error *err)
{
    const char *word = argv[optind - 1] != NULL ? argv[optind - 1] : argv[optind - 2];

    if (why == ':')
        return error_set(err, ERR_USAGE, "'%s' needs an argument", word);
    if (strncmp(word, "--", 2) == 0)
        return fault_unknown(word, err);
    return error_set(err, ERR_USAGE, "unknown option '-%c'", optopt);
}

static int take_option(struct options *o, int letter, char **argv, struct error *err)
{
    switch (letter) {
    case 1: o->args[o->count++] = optarg; return 0;
    case 'V': o->action = OPTIONS_VERSION; return 0;
    case 'h': o->action = OPTIONS_HELP; return 0;
    case ':':
    case '?': return fault_of_option(letter, argv, err);
    default: break;
    }
    note_given(o, letter);
    switch (letter) {
    case 'a': return parse_as(o, optarg, err);
    case 't': return parse_timeout(o, optarg, err);
    case OPTION_MAX: return parse_number(optarg, "--max", UINT32_MAX, &o->max_rows, err);
    case 'c': o->control = optarg; return 0;
    case 'j': o->is_json = true; return 0;
    case 'R': o->recurse = true; return 0;
    case OPTION_NO_VALUES: o->no_values = true; return 0;
    case OPTION_FORMS: o->shows_forms = true; return 0;
    case OPTION_ONCE: o->shows_once = true; return 0;
    case OPTION_INTERVAL: return parse_interval(o, optarg, err);
    case 's': o->where = optarg; return 0;
    default: o->user = optarg; return 0; /* 'u' */
    }
}

/* Returns whether word is a negative number, or the single '-' that means standard input. musl's
 * getopt() would stop at it. */
static bool is_argument(const char *word)
{
    return word[0] == '-' && (word[1] == '\0' || (word[1] >= '0' && word[1] <= '9'));
}

/* Resets getopt(), so that it begins at the first word. */
static void forget_last_time(char **argv)
{
    opterr = 0;
    optind = 0; /* with glibc and musl, 0 resets getopt() */
    getopt_long(1, argv, shorts, longs, NULL);
    optind = 1;
}

int options_parse(struct options *o, int argc, char **argv, struct error *err)
{
    *o = (struct options){
        .where = "/run/podop/podop.sock",
        .control = "/run/podop/control.sock",
        .timeout_ms = TIMEOUT_SECONDS_DEFAULT * 1000,
        .interval_ms = INTERVAL_MS_DEFAULT,
        .args = xcalloc((size_t)argc + 1, sizeof(o->args[0])),
    };
    forget_last_time(argv);
    while (o->action == OPTIONS_RUN && optind < argc) {
        int letter = 1;

        if (is_argument(argv[optind]))
            optarg = argv[optind++];
        else
            letter = getopt_long(argc, argv, shorts, longs, NULL);
        if (letter == -1)
            break;
        if (take_option(o, letter, argv, err) == -1) {
            options_deinit(o);
            return -1;
        }
    }
    while (o->action == OPTIONS_RUN && optind < argc)
        o->args[o->count++] = argv[optind++];
    return 0;
}

void options_deinit(struct options *o)
{
    free(o->args);
    *o = (struct options){0};
}

static const char *name_of(char letter)
{
    const struct option *option = longs;

    while (option->name != NULL && option->val != letter)
        option++;
    return option->name;
}

int options_check(const struct options *o, const char *command, const char *known,
                  struct error *err)
{
    for (const char *letter = o->given; *letter != '\0'; letter++) {
        if (strchr(known, *letter) == NULL)
            return error_set(err, ERR_USAGE, "%s has no option --%s", command, name_of(*letter));
    }
    return 0;
}
