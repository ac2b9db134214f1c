#include "shown_text.h"

#include <stdbool.h>
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

/* Writes text, of which each URL is cut after its host. Returns how much of out is used. */
static size_t add_plain(char *out, size_t size, size_t used, struct span rest)
{
    while (rest.len > 0) {
        const char *mark = memmem(rest.ptr, rest.len, "://", 3);
        struct span before = rest, url;

        if (mark == NULL)
            return add(out, size, used, rest);
        before.len = (size_t)(mark - rest.ptr) + 3;
        used = add(out, size, used, before);
        rest = skip_user(span_skip(rest, before.len));
        url = url_of(rest);
        used = add(out, size, used, host_of(url));
        rest = span_skip(rest, url.len);
    }
    return used;
}

static bool is_quote(char c)
{
    return c == '\'' || c == '"';
}

/* Returns the place of the first quotation mark that may begin a quotation, or the length. */
static size_t quote_in(struct span text)
{
    size_t i = 0;

    while (i < text.len &&
           !(is_quote(text.ptr[i]) && (i == 0 || text.ptr[i - 1] == ' ' || text.ptr[i - 1] == '(')))
        i++;
    return i;
}

static bool is_end_of_quotation(struct span text, size_t i, char quote)
{
    return text.ptr[i] == quote && (i + 1 == text.len || strchr(" ,:;.)", text.ptr[i + 1]) != NULL);
}

/* Returns the length of the quotation that the text begins with, without its marks: up to the first
 * mark that may end it, or to the last one. */
static size_t quoted_len(struct span text, char quote, bool is_longest)
{
    size_t len = text.len;

    for (size_t i = 0; i < text.len; i++) {
        if (!is_end_of_quotation(text, i, quote))
            continue;
        len = i;
        if (!is_longest)
            break;
    }
    return len;
}

/* Returns whether it is the name of a setting or a table or the like, and not a URL or a part of
 * one. */
static bool is_word(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr(" /?#@%&={}\\", text.ptr[i]) != NULL)
            return false;
    }
    return true;
}

static bool is_host_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr(".-_:[]", c) != NULL);
}

/* Writes the scheme, the host and the port of a quoted URL, or "..." where it has no "://". */
static size_t add_url(char *out, size_t size, size_t used, struct span url)
{
    const char *mark = memmem(url.ptr, url.len, "://", 3);
    struct span scheme = url, host;

    if (mark == NULL)
        return add(out, size, used, SPAN("..."));
    scheme.len = (size_t)(mark - url.ptr) + 3;
    if (!is_word((struct span){url.ptr, scheme.len - 2}))
        return add(out, size, used, SPAN("..."));
    used = add(out, size, used, scheme);
    host = skip_user(span_skip(url, scheme.len));
    for (size_t i = 0; i < host.len; i++) {
        if (!is_host_byte(host.ptr[i]))
            host.len = i;
    }
    return add(out, size, used, host);
}

/* Writes the quotation that *rest begins with, and takes it off. In double quotation marks are
 * values, which may be secrets or keys, and in single ones names and URLs. What is not shown may
 * have quotation marks itself, so all up to the last mark is taken for it. */
static size_t add_quoted(char *out, size_t size, size_t used, struct span *rest)
{
    const char quote = rest->ptr[0];
    const struct span after = span_skip(*rest, 1);
    struct span quoted = {after.ptr, quoted_len(after, quote, false)};
    const bool is_name = quote == '\'' && is_word(quoted);

    if (!is_name)
        quoted.len = quoted_len(after, quote, true);
    used = add(out, size, used, (struct span){rest->ptr, 1});
    if (is_name)
        used = add(out, size, used, quoted);
    else if (quote == '\'')
        used = add_url(out, size, used, quoted);
    else
        used = add(out, size, used, SPAN("..."));
    *rest = span_skip(after, quoted.len);
    if (rest->len == 0)
        return used;
    *rest = span_skip(*rest, 1);
    return add(out, size, used, (struct span){&quote, 1});
}

void shown_text_print(struct span text, char *out, size_t size)
{
    size_t used = 0;

    while (text.len > 0) {
        const size_t len = quote_in(text);

        used = add_plain(out, size, used, (struct span){text.ptr, len});
        text = span_skip(text, len);
        if (text.len > 0)
            used = add_quoted(out, size, used, &text);
    }
    out[used] = '\0';
}
