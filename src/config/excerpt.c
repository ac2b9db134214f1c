#include "excerpt.h"

#include "podop/mem.h"

#include <stdio.h>
#include <strings.h>

enum { EXCERPT_BYTES_MAX = 60 };

static struct span line_of(struct span text, unsigned line)
{
    const char *end;

    for (; line > 1 && text.len > 0; line--) {
        end = memchr(text.ptr, '\n', text.len);
        text = span_skip(text, end == NULL ? text.len : (size_t)(end - text.ptr) + 1);
    }
    end = text.len == 0 ? NULL : memchr(text.ptr, '\n', text.len);
    return (struct span){text.ptr, end == NULL ? text.len : (size_t)(end - text.ptr)};
}

/* Returns whether the line may have a secret. Secrets belong in separate files, but some people
 * write them into settings with such names. */
static bool may_hold_secret(struct span line)
{
    static const char *const words[] = {
        "auth =", "auth=", "authoriz", "-auth",  "bearer", "token", "passw",
        "secret", "api",   "key_file", "header", "@",      ": ",
    };

    for (size_t i = 0; i < ARRAY_LEN(words); i++) {
        size_t len = strlen(words[i]);

        for (size_t at = 0; at + len <= line.len; at++) {
            if (strncasecmp(line.ptr + at, words[i], len) == 0)
                return true;
        }
    }
    return false;
}

bool excerpt_may_hold_secret(struct span text, const char *at)
{
    const char *begin = at, *end = text.ptr + text.len;

    while (begin > text.ptr && begin[-1] != '\n')
        begin--;
    end = at == end ? NULL : memchr(at, '\n', (size_t)(end - at));
    if (end == NULL)
        end = text.ptr + text.len;
    return may_hold_secret((struct span){begin, (size_t)(end - begin)});
}

/* Returns how many bytes at the beginning of a long line are left out, so that at is shown. */
static size_t skipped(struct span line, const char *at)
{
    size_t position = at == NULL || at < line.ptr ? 0 : (size_t)(at - line.ptr), skip;

    if (line.len <= EXCERPT_BYTES_MAX || position < EXCERPT_BYTES_MAX * 2 / 3)
        return 0;
    skip = position - EXCERPT_BYTES_MAX / 2;
    if (skip > line.len - EXCERPT_BYTES_MAX)
        skip = line.len - EXCERPT_BYTES_MAX;
    while (skip > 0 && ((unsigned char)line.ptr[skip] & 0xc0) == 0x80) /* within a character */
        skip--;
    return skip;
}

void excerpt_line(struct span text, unsigned line, const char *at, char *out, size_t size)
{
    struct span found = line_of(text, line), valid;
    size_t skip;

    while (found.len > 0 && strchr(" \t\r", found.ptr[0]) != NULL)
        found = span_skip(found, 1);
    while (found.len > 0 && strchr(" \t\r", found.ptr[found.len - 1]) != NULL)
        found.len--;
    out[0] = '\0';
    if (found.len == 0 || may_hold_secret(found))
        return;
    skip = skipped(found, at);
    found = span_skip(found, skip);
    valid = found;
    if (valid.len > EXCERPT_BYTES_MAX)
        valid.len = EXCERPT_BYTES_MAX;
    if (valid.len < found.len)
        valid.len = span_utf8_prefix(valid);
    snprintf(out, size, "%s%.*s%s", skip > 0 ? "..." : "", (int)valid.len, valid.ptr,
             valid.len < found.len ? "..." : "");
}
