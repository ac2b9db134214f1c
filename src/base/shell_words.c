#include "podop/shell_words.h"

#include "podop/buf.h"
#include "podop/mem.h"

#include <stdlib.h>

static int fault(struct error *err, const char *line, const char *at, const char *what)
{
    return error_set(err, ERR_CONFIG, "%s at character %zu of the command line", what,
                     (size_t)(at - line) + 1);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* take_single() and take_double() return the position after the closing quote, or NULL if the quote
 * is not closed. */
static const char *take_single(const char *at, struct buf *word)
{
    const char *end = strchr(at + 1, '\'');

    if (end == NULL)
        return NULL;
    buf_add(word, (struct span){at + 1, (size_t)(end - at - 1)});
    return end + 1;
}

/* POSIX.1-2017, XCU 2.2.3: inside double quotes a backslash is literal except before these. */
static const char *take_double(const char *at, struct buf *word, bool *is_active)
{
    for (at++; *at != '"'; at++) {
        if (*at == '\0')
            return NULL;
        if (*at == '\\' && at[1] != '\0' && strchr("$`\"\\", at[1]) != NULL)
            at++;
        else if (*at == '$' || *at == '`')
            *is_active = true;
        buf_add_char(word, *at);
    }
    return at + 1;
}

/* Reads one word that begins at at, which is not a blank. Returns NULL with the fault in err. */
static const char *take_word(const char *line, const char *at, struct buf *word, struct error *err)
{
    while (*at != '\0' && !is_blank(*at)) {
        const char *begin = at;
        bool is_active = false;

        if (*at == '\'') {
            at = take_single(at, word);
        } else if (*at == '"') {
            at = take_double(at, word, &is_active);
        } else if (*at == '\\') {
            at = at[1] == '\0' ? NULL : at + 2;
            if (at != NULL)
                buf_add_char(word, at[-1]);
        } else {
            is_active = strchr("|&;<>()$`", *at) != NULL;
            buf_add_char(word, *at++);
        }
        if (at == NULL)
            fault(err, line, begin,
                  *begin == '\\' ? "nothing follows the backslash" : "unclosed quote");
        else if (is_active)
            fault(err, line, begin,
                  "an unquoted shell character (use single quotes; podop runs no shell)");
        if (at == NULL || is_active)
            return NULL;
    }
    return at;
}

static void add(struct shell_words *words, struct buf *word)
{
    words->items = xreallocarray(words->items, words->count + 2, sizeof(*words->items));
    words->items[words->count++] = xmemdup0(word->ptr, word->len);
    words->items[words->count] = NULL;
}

int shell_words_split(struct shell_words *words, const char *line, struct error *err)
{
    const char *at = line;
    struct buf word;

    *words = (struct shell_words){0};
    buf_init(&word, strlen(line) + 1);
    while (at != NULL) {
        while (is_blank(*at))
            at++;
        if (*at == '\0')
            break;
        buf_clear(&word);
        at = take_word(line, at, &word, err);
        if (at != NULL)
            add(words, &word);
    }
    buf_deinit(&word);
    if (at != NULL && words->count > 0)
        return 0;
    if (at != NULL)
        error_set(err, ERR_CONFIG, "the command line is empty");
    shell_words_free(words);
    return -1;
}

void shell_words_free(struct shell_words *words)
{
    for (size_t i = 0; i < words->count; i++)
        free(words->items[i]);
    free(words->items);
    *words = (struct shell_words){0};
}
