#include "url_request.h"

enum url_target url_request_target(const struct url_table *t, const struct url_backend *backend,
                                   const struct table_key *key, char **target)
{
    struct buf text;
    enum url_target result;

    buf_init(&text, URL_TARGET_BYTES_MAX);
    result = url_template_expand(backend->template, key, t->keep_slash, &text);
    *target = NULL;
    if (result != URL_TARGET_OK) {
        buf_deinit(&text);
        return result;
    }
    text.max++; /* for the NUL */
    buf_add_char(&text, '\0');
    *target = text.ptr;
    return URL_TARGET_OK;
}

const char *url_request_user_header(const struct table_key *key, struct buf *text)
{
    buf_init(text, BUF_LIMITED_BY_INPUT);
    if (!key->is_private)
        return NULL;
    buf_add(text, SPAN("Podop-User: "));
    for (size_t i = 0; i < key->user.len; i++) {
        struct span byte = {key->user.ptr + i, 1};

        if (*byte.ptr > ' ' && *byte.ptr < 0x7f && *byte.ptr != '%')
            buf_add(text, byte);
        else
            buf_add_percent(text, byte, false);
    }
    return buf_string(text);
}
