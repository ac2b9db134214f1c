#include "shown_text.h"

#include <string.h>

/* Returns whether a URL ends before this character. */
static bool ends_url(char c)
{
    return (unsigned char)c <= ' ' || c == '\'' || c == '"' || c == '<' || c == '>' || c == ')';
}

/* Returns the bytes of rest up to the end of the URL in it. */
static struct span url_of(struct span rest)
{
    size_t len = 0;

    while (len < rest.len && !ends_url(rest.ptr[len]))
        len++;
    return (struct span){rest.ptr, len};
}

/* Returns rest without the user and password that it may begin with. A password may have any
 * character, so all that is before the last '@' of the text is left out. */
static struct span skip_user(struct span rest)
{
    const char *at = rest.len == 0 ? NULL : memrchr(rest.ptr, '@', rest.len);

    return at == NULL ? rest : span_skip(rest, (size_t)(at - rest.ptr) + 1);
}

/* Returns the host and port that the URL, without its scheme, begins with. */
static struct span host_of(struct span url)
{
    size_t len = 0;

    while (len < url.len && strchr("/?#", url.ptr[len]) == NULL)
        len++;
    return (struct span){url.ptr, len};
}

static size_t add(char *out, size_t size, size_t used, struct span text)
{
    const size_t room = size - 1 - used;

    if (text.len > room)
        text.len = span_utf8_prefix((struct span){text.ptr, room});
    memcpy(out + used, text.ptr, text.len);
    return used + text.len;
}

void shown_text_print(struct span text, char *out, size_t size)
{
    struct span rest = text;
    size_t used = 0;

    while (rest.len > 0) {
        const char *mark = memmem(rest.ptr, rest.len, "://", 3);
        struct span before = rest, url;

        if (mark == NULL) {
            used = add(out, size, used, rest);
            break;
        }
        before.len = (size_t)(mark - rest.ptr) + 3;
        used = add(out, size, used, before);
        rest = skip_user(span_skip(rest, before.len));
        url = url_of(rest);
        used = add(out, size, used, host_of(url));
        rest = span_skip(rest, url.len);
    }
    out[used] = '\0';
}
