#include "mail_address.h"

#include "local_part.h"

#include <strings.h>

/* Returns the last '@' of key after the first from bytes, or NULL. */
static const char *last_at(struct span key, size_t from)
{
    return key.len == from ? NULL : memrchr(key.ptr + from, '@', key.len - from);
}

/* Finds the last '@' outside of quotes. Returns false if a quote is not closed. */
static bool find_at_outside(struct span key, const char **at)
{
    *at = NULL;
    for (size_t i = 0; i < key.len;) {
        size_t quoted = 1;

        if (key.ptr[i] == '"') {
            quoted = local_part_quoted_prefix(span_skip(key, i));
            if (quoted == 0)
                return false;
        } else if (key.ptr[i] == '@') {
            *at = key.ptr + i;
        }
        i += quoted;
    }
    return true;
}

static const char *find_at(struct span key)
{
    const char *at;

    if (!span_has_byte(key, '"'))
        return last_at(key, 0);
    return find_at_outside(key, &at) ? at : last_at(key, 0);
}

struct mail_address mail_address_split(struct span key)
{
    const char *at = find_at(key);
    size_t local = at == NULL ? 0 : (size_t)(at - key.ptr);

    if (at == NULL)
        return (struct mail_address){.local = {key.ptr, 0}, .domain = key};
    return (struct mail_address){
        .local = {key.ptr, local},
        .domain = span_skip(key, local + 1),
        .has_at = true,
    };
}

/* Returns whether text is word, which is in lower case, in upper or lower case. */
static bool is_word(struct span text, struct span word)
{
    return text.len == word.len && strncasecmp(text.ptr, word.ptr, word.len) == 0;
}

/* Returns whether Postfix never splits local: split_addr.c, with the default
 * double_bounce_sender. */
static bool is_whole(struct span local, const char *delimiters)
{
    const struct span owner = SPAN("owner-"), request = SPAN("-request");

    if (is_word(local, SPAN("postmaster")) || is_word(local, SPAN("mailer-daemon")) ||
        is_word(local, SPAN("double-bounce")))
        return true;
    if (strchr(delimiters, '-') == NULL)
        return false;
    return (local.len >= owner.len && is_word((struct span){local.ptr, owner.len}, owner)) ||
           (local.len > request.len && is_word(span_skip(local, local.len - request.len), request));
}

/* Returns where the extension of local begins: its length if there is none. */
static size_t find_extension(struct span local, const char *delimiters)
{
    size_t len = 0;

    while (len < local.len &&
           (local.ptr[len] == '\0' || strchr(delimiters, local.ptr[len]) == NULL))
        len++;
    return len == 0 || len == local.len || is_whole(local, delimiters) ? local.len : len;
}

/* Cuts a local part whose quotes are in the way: scratch becomes the text in them, and after it
 * the bare local part. */
static bool cut_quoted(struct span local, const char *delimiters, struct buf *scratch,
                       struct span *bare, struct span *extension)
{
    size_t text, cut;

    buf_clear(scratch);
    local_part_unquote(local, scratch);
    text = scratch->len;
    cut = find_extension(buf_span(scratch), delimiters);
    if (cut == text || buf_reserve(scratch, 2 * cut + 2) == NULL) /* all escaped, and two quotes */
        return false;
    local_part_quote((struct span){scratch->ptr, cut}, scratch);
    *bare = span_skip(buf_span(scratch), text);
    *extension = (struct span){scratch->ptr + cut, text - cut};
    return true;
}

/* Returns the first len bytes of local. They may end with a dot, and need quotes that local did not
 * need: Postfix looks up "a."@example.org for a.+b@example.org. */
static struct span quoted_as_needed(struct span local, size_t len, struct buf *scratch)
{
    const struct span bare = {local.ptr, len};

    if (local_part_needs_quotes(local) || !local_part_needs_quotes(bare))
        return bare;
    buf_clear(scratch);
    local_part_quote(bare, scratch);
    return buf_span(scratch);
}

bool mail_address_cut(struct span local, const char *delimiters, struct buf *scratch,
                      struct span *bare, struct span *extension)
{
    size_t cut;

    *bare = local;
    *extension = (struct span){local.ptr, 0};
    if (delimiters == NULL || *delimiters == '\0')
        return false;
    if (local_part_is_quoted(local))
        return cut_quoted(local, delimiters, scratch, bare, extension);
    cut = find_extension(local, delimiters);
    if (cut == local.len)
        return false;
    *extension = span_skip(local, cut);
    *bare = quoted_as_needed(local, cut, scratch);
    return true;
}
