/* A configuration. A fault is in a line of the text, and what libconfig may parse and accepts has
 * none. */
#include "fuzz.h"

#include "config/excerpt.h"
#include "config/source.h"
#include "config/syntax.h"

#include "podop/mem.h"

#include <libconfig.h>

#include <string.h>

static void ignore_fault(void *arg, const char *text)
{
    (void)arg;
    (void)text;
}

static void ignore_joined(void *arg, unsigned line)
{
    (void)arg;
    (void)line;
}

static unsigned lines_of(struct span text)
{
    unsigned lines = 1;

    for (size_t i = 0; i < text.len; i++)
        lines += text.ptr[i] == '\n';
    return lines;
}

/* Returns whether the text up to error_line has a fault. */
static bool find(struct span text, unsigned error_line, struct syntax_fault *fault)
{
    const bool is_found = syntax_find(text, error_line, fault);
    char shown[80];

    PROMISE(is_found == (fault->line > 0));
    if (!is_found)
        return false;
    PROMISE(fault->line <= lines_of(text) && fault->other_line <= lines_of(text));
    PROMISE(fault->at >= text.ptr && fault->at <= text.ptr + text.len);
    PROMISE(memchr(fault->hint, '\0', sizeof(fault->hint)) != NULL && fault->hint[0] != '\0');
    excerpt_line(text, fault->line, fault->at, shown, sizeof(shown));
    excerpt_line(text, fault->other_line, NULL, shown, sizeof(shown));
    return true;
}

/* Compares with libconfig, from a text of exactly its size. */
static void check(struct span text, const char *string)
{
    struct syntax_fault fault;
    const bool is_found = find(text, SYNTAX_ANY_LINE, &fault);
    config_t parsed;

    syntax_find_joined(text, ignore_joined, NULL);
    if (is_found && fault.must_not_parse)
        return;
    config_init(&parsed);
    if (config_read_string(&parsed, string) == CONFIG_TRUE)
        PROMISE(!is_found);
    else
        find(text, (unsigned)config_error_line(&parsed), &fault);
    config_destroy(&parsed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct faults faults = {ignore_fault, NULL, 0, NULL};
    struct source source;
    char *string;

    if (size == 0 || memchr(data, '\0', size) != NULL)
        return 0;
    string = xmemdup0(data, size);
    if (source_read_text(&source, string, "fuzz", &faults) == 0 || source.has_open_string) {
        char *exact = xmalloc(source.text.len + 1);

        memcpy(exact + 1, source.text.ptr,
               source.text.len); /* right before the end of the memory */
        check((struct span){exact + 1, source.text.len}, buf_string(&source.text));
        free(exact);
    }
    source_deinit(&source);
    free(string);
    return 0;
}
