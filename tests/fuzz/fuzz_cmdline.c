/* A command line of podop and of podopctl, one word a line. A file that it names is not read; there
 * is one of the fuzzer, so that the paths of --set lead somewhere. A --set that is given twice is
 * the same as one. */
#include "fuzz.h"

#include "checked_config.h"

#include "ctl/options.h"
#include "podop/cmdline.h"
#include "podop/mem.h"

#include <string.h>

enum { WORDS_MAX = 64 };

static const char file_text[] =
    "listen = ( { socket = \"/run/podop/postfix\"; mode = \"postfix\"; },\n"
    "           { socket = \"127.0.0.1:1234\"; tables = [ \"alias\" ]; } );\n"
    "control = { socket = \"/run/podop/control\"; };\n"
    "log = { level = \"info\"; };\n"
    "tables = (\n"
    "  { name = \"alias\"; type = \"url\"; param = [ \"http://[::1]:80/a/{}\", \"http://b/{}\" ];\n"
    "    headers = [ \"X: y\" ]; cache = { ttl = \"60s\"; }; },\n"
    "  { name = \"alias.sub\"; type = \"dns\"; param = \"mx.example.org\"; },\n"
    "  { name = \"local\"; type = \"json\"; param = \"/etc/podop/local.json\"; },\n"
    "  { name = \"p\"; type = \"program\"; param = \"/bin/cat -u\"; } );\n";

/* Splits text, which ends with a NUL, in place. Returns the number of words. */
static int split(char *text, char **words)
{
    static char program[] = "podop";
    int count = 1;
    char *end;

    words[0] = program;
    while (count < WORDS_MAX && text != NULL) {
        end = strchr(text, '\n');
        if (end != NULL)
            *end++ = '\0';
        words[count++] = text;
        text = end;
    }
    words[count] = NULL;
    return count;
}

static void load_twice(const struct config_source *source)
{
    struct cmdline_set sets[2 * WORDS_MAX];
    struct config_source doubled = *source;
    struct config *once = checked_config_load(source), *twice;

    for (size_t i = 0; i < source->set_count; i++) /* each right after itself */
        sets[2 * i] = sets[2 * i + 1] = source->sets[i];
    doubled.sets = sets;
    doubled.set_count *= 2;
    twice = checked_config_load(&doubled);
    checked_config_same(once, twice);
    config_unref(&once);
    config_unref(&twice);
}

static void parse_for_podopctl(int count, char **words)
{
    struct options options;
    struct error err = {0};

    if (options_parse(&options, count, words, &err) == -1) {
        PROMISE(err.kind == ERR_USAGE && err.text[0] != '\0');
        return;
    }
    PROMISE(options.action != OPTIONS_RUN || options.count < (size_t)count);
    for (size_t i = 0; i < options.count; i++)
        PROMISE(options.args[i] != NULL);
    PROMISE(memchr(options.given, '\0', sizeof(options.given)) != NULL);
    options_deinit(&options);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *file;
    char *words[WORDS_MAX + 1], *text = xmemdup0(data, size);
    const int count = split(text, words);
    struct cmdline cmdline;
    struct error err = {0};

    if (file == NULL)
        file = checked_config_write("podop.conf", span_of(file_text));
    if (cmdline_parse(&cmdline, count, words, file, &err) == 0) {
        if (cmdline.source.file != NULL)
            cmdline.source.file = file;
        if (cmdline.action == CMDLINE_RUN || cmdline.action == CMDLINE_CHECK)
            load_twice(&cmdline.source);
        cmdline_deinit(&cmdline);
    } else {
        PROMISE(err.kind == ERR_USAGE && err.text[0] != '\0');
    }
    parse_for_podopctl(count, words);
    free(text);
    return 0;
}
