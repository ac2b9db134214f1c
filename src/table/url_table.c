/* url_table.c - tables behind an HTTP service: a key becomes a URL, an answer becomes a reply. */
#include "url_table.h"

#include "podop/clock.h"
#include "podop/json_value.h"
#include "podop/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { DENIED_TELL_EVERY_MS = 60 * 1000 };

struct url_fetch {
    struct fetch base;
    struct http_call *call;
    uint32_t retries_left;
    char *target;
};

static struct url_fetch *url_fetch_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct url_fetch, base);
}

static struct http_site *site_open(const struct url_access *access,
                                   const struct table_config *config, const char *base,
                                   struct http *http, struct error *err)
{
    const char **headers = xreallocarray(NULL, config->headers.count + 3, sizeof(*headers));
    struct http_site_config wanted = {
        .base = base,
        .unix_socket = config->unix_socket,
        .headers = headers,
        .tls = url_access_tls(access),
        .connect_timeout_ms = config->connect_timeout_ms,
        .max_response = config->max_response,
    };
    struct http_site *site;
    char table[300]; /* a name has at most 255 bytes */

    snprintf(table, sizeof(table), "Podop-Table: %s", config->name);
    headers[wanted.header_count++] = "Accept: application/json";
    headers[wanted.header_count++] = table;
    if (access->authorization != NULL)
        headers[wanted.header_count++] = secret_text(access->authorization);
    for (size_t i = 0; i < config->headers.count; i++)
        headers[wanted.header_count++] = config->headers.items[i];
    site = http_site_open(http, &wanted, err);
    free(headers);
    return site;
}

static void url_table_close(struct table *table)
{
    struct url_table *t = url_table_of(table);

    http_site_close(&t->commit_site);
    http_site_close(&t->site);
    url_template_free(&t->commit_template);
    url_template_free(&t->template);
    url_access_close(&t->access);
    free(t->select);
    free(t);
}

static int check_url(const char *url, struct error *err)
{
    struct url_template *template = url_template_new(url, err);

    if (template == NULL)
        return -1;
    url_template_free(&template);
    return 0;
}

static int url_table_check(const struct table_config *config, struct error *err)
{
    if (check_url(config->param, err) == -1)
        return -1;
    if (config->commit_url != NULL && check_url(config->commit_url, err) == -1)
        return -1;
    return url_access_check(config, err);
}

static int open_url(const struct url_access *access, const char *url,
                    const struct table_config *config, struct http *http,
                    struct url_template **template, struct http_site **site, struct error *err)
{
    *template = url_template_new(url, err);
    if (*template == NULL)
        return -1;
    *site = site_open(access, config, url_template_base(*template), http, err);
    return *site == NULL ? -1 : 0;
}

static struct table *url_table_open(const struct table_config *config, const struct table_env *env,
                                    struct error *err)
{
    struct url_table *t = xcalloc(1, sizeof(*t));

    t->select = config->select == NULL ? NULL : xstrdup(config->select);
    t->miss = config->miss;
    t->temporary = config->temporary;
    t->keep_slash = config->encode == ENCODE_PATH;
    t->retries = config->retries;
    t->value = config->value;
    t->has_auth = config->auth.type != AUTH_NONE;
    if (url_access_open(&t->access, config, env->log, err) == -1 ||
        open_url(&t->access, config->param, config, env->http, &t->template, &t->site, err) == -1 ||
        (config->commit_url != NULL && open_url(&t->access, config->commit_url, config, env->http,
                                                &t->commit_template, &t->commit_site, err) == -1)) {
        url_table_close(&t->base);
        return NULL;
    }
    secret_free(&t->access.authorization); /* the sites have it */
    return &t->base;
}

enum url_target url_table_target(const struct url_table *t, const struct table_key *key,
                                 char **target)
{
    struct buf text;
    enum url_target result;

    buf_init(&text, TARGET_BYTES_MAX);
    result = url_template_expand(t->template, key, t->keep_slash, &text);
    *target = result == URL_TARGET_OK ? xmemdup0(text.ptr, text.len) : NULL;
    buf_deinit(&text);
    return result;
}

const char *url_table_user_header(const struct table_key *key, struct buf *text)
{
    buf_init(text, SIZE_MAX);
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

static void finish(struct url_fetch *f, struct reply *reply)
{
    free(f->target);
    f->target = NULL;
    fetch_finish(&f->base, reply);
}

static void __attribute__((format(printf, 3, 4)))
fail(struct url_fetch *f, enum reply_status status, const char *format, ...)
{
    char why[300], text[TABLE_REASON_BYTES];
    struct reply reply = {.status = status};
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    reply.reason = table_reason(f->base.table, text, "%s", why);
    finish(f, &reply);
}

static void answer_value(struct url_fetch *f, struct span body)
{
    const struct url_table *t = url_table_of(f->base.table);
    struct reply reply = {.status = REPLY_MISS};
    struct error err = {0};
    struct buf scratch;

    if (t->select == NULL && json_reply_plain(body, &reply)) {
        finish(f, &reply);
        return;
    }
    if (json_check(body, &err) == -1) {
        fail(f, REPLY_TEMPORARY, "the answer is no JSON: %s", err.text);
        return;
    }
    buf_init(&scratch, SIZE_MAX);
    if (t->select == NULL || json_select(&body, span_of(t->select)))
        json_reply(body, &scratch, &reply);
    finish(f, &reply);
    buf_deinit(&scratch);
}

static bool is_denied(unsigned status)
{
    return status == 401 || status == 403 || status == 407;
}

/* 408, 425 and 429 speak of the moment, every other 4XX of the key; unless the table says
 * otherwise, where in doubt temporary is the answer that loses no mail. Where podop shows who it
 * is, a denial speaks of that: a wrong token must not bounce mail. */
bool url_table_is_miss(const struct url_table *t, unsigned status)
{
    if (status_set_has_code(&t->temporary, status))
        return false;
    if (status_set_has_code(&t->miss, status))
        return true;
    if (status_set_has_class(&t->temporary, status))
        return false;
    return status == 204 || status_set_has_class(&t->miss, status) ||
           (status >= 400 && status < 500 && status != 408 && status != 425 && status != 429 &&
            !(t->has_auth && is_denied(status)));
}

void url_table_tell_denied(struct url_table *t, unsigned status)
{
    uint64_t *told_at_ms = &t->denied_told_at_ms[status % 8];
    uint64_t now_ms = clock_now_ms();

    if (!is_denied(status))
        return;
    t->denied++;
    if (*told_at_ms != 0 && now_ms - *told_at_ms < DENIED_TELL_EVERY_MS)
        return;
    *told_at_ms = now_ms;
    log_warning(t->base.env.log, "backend_denied", LOG_STR("table", t->base.name),
                LOG_UINT("http_status", status), LOG_UINT("count", t->denied));
}

static void answer_status(struct url_fetch *f, const struct http_answer *answer)
{
    struct url_table *t = url_table_of(f->base.table);

    url_table_tell_denied(t, answer->status);
    if (answer->status == 200) {
        answer_value(f, answer->body);
    } else if (url_table_is_miss(t, answer->status)) {
        finish(f, &(struct reply){.status = REPLY_MISS});
    } else {
        fail(f, REPLY_TEMPORARY, "the backend answered with status %u", answer->status);
    }
}

static void on_answer(void *arg, const struct http_answer *answer);

static void attempt(struct url_fetch *f)
{
    struct buf user;
    const struct http_request request = {
        .target = f->target,
        .deadline_at_ms = f->base.deadline_at_ms,
        .headers = {url_table_user_header(&f->base.key, &user)},
    };

    f->call = http_start(url_table_of(f->base.table)->site, &request, on_answer, f);
    buf_deinit(&user);
}

static void on_answer(void *arg, const struct http_answer *answer)
{
    struct url_fetch *f = arg;

    f->call = NULL;
    switch (answer->outcome) {
    case HTTP_ANSWERED: answer_status(f, answer); return;
    case HTTP_TOO_LARGE: fail(f, REPLY_TEMPORARY, "the answer is larger than max_response"); return;
    case HTTP_TIMED_OUT: fail(f, REPLY_TIMEOUT, "no answer within the table's timeout"); return;
    case HTTP_FAILED: break;
    }
    if (f->retries_left == 0) {
        fail(f, REPLY_TEMPORARY, "%s", answer->reason);
        return;
    }
    f->retries_left--;
    attempt(f);
}

static void url_table_start(struct fetch *fetch)
{
    struct url_table *t = url_table_of(fetch->table);
    struct url_fetch *f = url_fetch_of(fetch);

    f->retries_left = t->retries;
    switch (url_table_target(t, &fetch->key, &f->target)) {
    case URL_TARGET_OK: attempt(f); return;
    case URL_TARGET_CLIMBS: finish(f, &(struct reply){.status = REPLY_MISS}); return;
    case URL_TARGET_LONG: fail(f, REPLY_PERMANENT, "the key is too long for a URL"); return;
    }
}

static void url_table_cancel(struct fetch *fetch)
{
    struct url_fetch *f = url_fetch_of(fetch);

    http_cancel(&f->call);
    free(f->target);
}

static void url_table_read_back(struct table *table, struct span value, struct buf *scratch,
                                struct reply *reply)
{
    struct error ignored;

    *reply = (struct reply){.status = REPLY_FOUND, .map_value = value, .dict_value = value};
    if (url_table_of(table)->value == VALUE_AUTO && json_check(value, &ignored) == 0)
        json_reply(value, scratch, reply);
}

const struct table_ops table_url = {
    .type = "url",
    .fetch_bytes = sizeof(struct url_fetch),
    .check = url_table_check,
    .open = url_table_open,
    .close = url_table_close,
    .start = url_table_start,
    .cancel = url_table_cancel,
    .change_fault = url_table_change_fault,
    .commit_bytes = sizeof(struct url_commit),
    .commit = url_table_commit,
    .abort_commit = url_table_abort_commit,
    .read_back = url_table_read_back,
    .iteration_bytes = sizeof(struct url_iteration),
    .go_on = url_table_go_on,
    .stop = url_table_stop,
};
