#include "url_request.h"

#include "mail/key_rules.h"

#include "podop/json_value.h"

static enum url_target expand(const struct url_table *t, const struct url_backend *backend,
                              const struct table_key *key, bool is_path, char **target)
{
    const struct url_expansion how = {
        .table = table_name(&t->base),
        .delimiters = key_rules_extension(t->base.rules),
        .keep_slash = t->keep_slash,
        .is_path = is_path,
    };
    struct buf text;
    enum url_target result;

    buf_init(&text, URL_TARGET_BYTES_MAX);
    result = url_template_expand(backend->template, key, &how, &text);
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

enum url_target url_request_target(const struct url_table *t, const struct url_backend *backend,
                                   const struct table_key *key, char **target)
{
    return expand(t, backend, key, false, target);
}

enum url_target url_request_path_target(const struct url_table *t,
                                        const struct url_backend *backend,
                                        const struct table_key *path, char **target)
{
    return expand(t, backend, path, true, target);
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

static void add_member(struct buf *out, struct span name, struct span text)
{
    buf_add(out, name);
    json_add_string(out, text);
}

bool url_question_can_hold(const struct url_table *t, const struct table_key *key)
{
    return !t->is_post || (span_is_utf8(key->key) && (!key->is_private || span_is_utf8(key->user)));
}

static void add_body(const struct url_table *t, const struct table_key *key, struct buf *out)
{
    add_member(out, SPAN("{\"table\": "), table_name(&t->base));
    add_member(out, SPAN(", \"key\": "), key->key);
    if (key->is_private)
        add_member(out, SPAN(", \"user\": "), key->user);
    buf_add_char(out, '}');
}

void url_question_init(struct url_question *q, const struct url_table *t,
                       const struct table_key *key, struct http_request *request)
{
    request->is_repeatable = true;
    request->headers[0] = url_request_user_header(key, &q->user);
    buf_init(&q->body, BUF_LIMITED_BY_INPUT);
    if (!t->is_post)
        return;
    add_body(t, key, &q->body);
    request->method = "POST";
    request->body = buf_span(&q->body);
}

void url_question_deinit(struct url_question *q)
{
    buf_deinit(&q->user);
    buf_deinit(&q->body);
}
