/* url_table.c - tables behind an HTTP service: a key becomes a URL, an answer becomes a reply. */
#include "table_type.h"

#include "podop/http.h"
#include "podop/json_value.h"
#include "podop/mem.h"
#include "podop/url_template.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    /* Keys of 64 KiB, three bytes each on the wire, and then some; servers stop long before. */
    TARGET_BYTES_MAX = 256 * 1024,
};

struct url_table {
    struct table base;
    struct url_template *template;
    struct http_site *site;
    char *select; /* NULL: the whole answer is the value */
    bool keep_slash;
    struct status_set miss, temporary; /* the administrator's word against the usual */
    uint32_t retries;
};

struct url_fetch {
    struct fetch base;
    struct http_call *call;
    uint32_t retries_left;
    char *target;
};

static struct url_table *url_table_of(struct table *table)
{
    return CONTAINER_OF(table, struct url_table, base);
}

static struct url_fetch *url_fetch_of(struct fetch *fetch)
{
    return CONTAINER_OF(fetch, struct url_fetch, base);
}

static struct http_site *site_open(const struct table_config *config, const char *base,
                                   struct http *http, struct error *err)
{
    const char **headers = xreallocarray(NULL, config->headers.count + 2, sizeof(*headers));
    struct http_site_config wanted = {
        .base = base,
        .unix_socket = config->unix_socket,
        .headers = headers,
        .connect_timeout_ms = config->connect_timeout_ms,
        .max_response = config->max_response,
    };
    struct http_site *site;
    char table[300]; /* a name has at most 255 bytes */

    snprintf(table, sizeof(table), "Podop-Table: %s", config->name);
    headers[wanted.header_count++] = "Accept: application/json";
    headers[wanted.header_count++] = table;
    for (size_t i = 0; i < config->headers.count; i++)
        headers[wanted.header_count++] = config->headers.items[i];
    site = http_site_open(http, &wanted, err);
    free(headers);
    return site;
}

static void url_table_close(struct table *table)
{
    struct url_table *t = url_table_of(table);

    http_site_close(&t->site);
    url_template_free(&t->template);
    free(t->select);
    free(t);
}

static int url_table_check(const struct table_config *config, struct error *err)
{
    struct url_template *template = url_template_new(config->param, err);

    if (template == NULL)
        return -1;
    url_template_free(&template);
    return 0;
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
    t->template = url_template_new(config->param, err);
    if (t->template != NULL)
        t->site = site_open(config, url_template_base(t->template), env->http, err);
    if (t->site == NULL) {
        url_table_close(&t->base);
        return NULL;
    }
    return &t->base;
}

static void finish(struct url_fetch *f, struct reply *reply)
{
    free(f->target);
    f->target = NULL;
    fetch_finish(&f->base, reply);
}

/* A reply without a value: the table's name, then why. What others wrote into it is made printable,
 * for it travels on to mail logs. */
static void __attribute__((format(printf, 3, 4)))
fail(struct url_fetch *f, enum reply_status status, const char *format, ...)
{
    char why[300], text[600];
    struct reply reply = {.status = status};
    va_list args;
    int len;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    for (char *c = why; *c != '\0'; c++) {
        if ((unsigned char)*c < ' ' || (unsigned char)*c >= 0x7f)
            *c = '?';
    }
    len = snprintf(text, sizeof(text), "table %s: %s", table_name(f->base.table), why);
    reply.reason = (struct span){text, (size_t)len};
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

/* 408, 425 and 429 speak of the moment, every other 4XX of the key; unless the table says
 * otherwise, where in doubt temporary is the answer that loses no mail. */
static bool is_miss(const struct url_table *t, unsigned status)
{
    if (status_set_has_code(&t->temporary, status))
        return false;
    if (status_set_has_code(&t->miss, status))
        return true;
    if (status_set_has_class(&t->temporary, status))
        return false;
    return status == 204 || status_set_has_class(&t->miss, status) ||
           (status >= 400 && status < 500 && status != 408 && status != 425 && status != 429);
}

static void answer_status(struct url_fetch *f, const struct http_answer *answer)
{
    struct table *t = f->base.table;

    if (answer->status == 200) {
        answer_value(f, answer->body);
    } else if (is_miss(url_table_of(t), answer->status)) {
        if (answer->status == 401 || answer->status == 403 || answer->status == 407)
            log_warning(t->env.log, "backend_denied", LOG_STR("table", t->name),
                        LOG_UINT("http_status", answer->status));
        finish(f, &(struct reply){.status = REPLY_MISS});
    } else {
        fail(f, REPLY_TEMPORARY, "the backend answered with status %u", answer->status);
    }
}

static void on_answer(void *arg, const struct http_answer *answer);

static void attempt(struct url_fetch *f)
{
    const struct http_request request = {
        .target = f->target,
        .deadline_at_ms = f->base.deadline_at_ms,
    };

    f->call = http_start(url_table_of(f->base.table)->site, &request, on_answer, f);
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
    struct buf target;

    buf_init(&target, TARGET_BYTES_MAX);
    f->retries_left = t->retries;
    switch (url_template_expand(t->template, &fetch->key, t->keep_slash, &target)) {
    case URL_TARGET_OK:
        f->target = xmemdup0(target.ptr, target.len);
        attempt(f);
        break;
    case URL_TARGET_CLIMBS: finish(f, &(struct reply){.status = REPLY_MISS}); break;
    case URL_TARGET_LONG: fail(f, REPLY_PERMANENT, "the key is too long for a URL"); break;
    }
    buf_deinit(&target);
}

static void url_table_cancel(struct fetch *fetch)
{
    struct url_fetch *f = url_fetch_of(fetch);

    http_cancel(&f->call);
    free(f->target);
}

const struct table_ops table_url = {
    .type = "url",
    .fetch_bytes = sizeof(struct url_fetch),
    .check = url_table_check,
    .open = url_table_open,
    .close = url_table_close,
    .start = url_table_start,
    .cancel = url_table_cancel,
};
