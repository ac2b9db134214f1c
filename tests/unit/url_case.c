#include "url_case.h"

int url_case_setup(void **state)
{
    const struct pool_config pool = {8, 1000, 60000};
    struct url_case *c = xcalloc(1, sizeof(*c));
    struct error err = {0};

    log_init(&c->log);
    c->log.level = LOG_LEVEL_ERROR;
    c->loop = ev_loop_new(EVFLAG_AUTO);
    backend_open(&c->backend, c->loop, false);
    c->http = http_new(c->loop, &pool, &err);
    if (c->http == NULL)
        fail_msg("%s", err.text);
    *state = c;
    return 0;
}

int url_case_setup_script(void **state, const struct backend_script *script, size_t count)
{
    struct url_case *c;

    url_case_setup(state);
    c = *state;
    c->backend.script = script;
    c->backend.script_count = count;
    return 0;
}

int url_case_teardown(void **state)
{
    struct url_case *c = *state;

    http_free(&c->http);
    backend_close(&c->backend);
    ev_loop_destroy(c->loop);
    free(c);
    return 0;
}

/* Returns "http://127.0.0.1:PORT/x" for "BACKEND/x". The caller frees it. */
static char *expand(const struct url_case *c, const char *url)
{
    static const char word[] = "BACKEND";
    const size_t skip = strncmp(url, word, strlen(word)) == 0 ? strlen(word) : 0;
    char text[300];

    snprintf(text, sizeof(text), "%s%s", skip > 0 ? c->backend.base : "", url + skip);
    return xstrdup(text);
}

struct url_table *url_case_open(struct url_case *c, const struct url_settings *settings,
                                const char *const urls[URL_CASE_URLS_MAX])
{
    const struct table_env env = {
        .loop = c->loop, .http = c->http, .commits = &c->commits, .log = &c->log};
    static char name[] = "t", type[] = "url";
    struct url_settings wanted = *settings;
    struct table_config config = {.name = name, .type = type, .settings = &wanted};
    char *expanded[URL_CASE_URLS_MAX] = {0};
    struct error err = {0};
    struct table *table;
    size_t count = 0;

    for (; count < URL_CASE_URLS_MAX && urls[count] != NULL; count++)
        expanded[count] = expand(c, urls[count]);
    config.param = expanded[0];
    config.fallbacks = (struct string_list){.items = expanded + 1, .count = count - 1};
    wanted.commit_url = settings->commit_url == NULL ? NULL : expand(c, settings->commit_url);
    config.timeout_ms = URL_CASE_TIMEOUT_MS;
    if (wanted.connect_timeout_ms == 0)
        wanted.connect_timeout_ms = URL_CASE_TIMEOUT_MS;
    if (wanted.max_response == 0)
        wanted.max_response = 1000;
    table = table_open(&config, &env, &err);
    free(wanted.commit_url);
    for (size_t i = 0; i < count; i++)
        free(expanded[i]);
    if (table == NULL)
        fail_msg("%s", err.text);
    return url_table_of(table);
}

struct url_table *url_case_open_plain(struct url_case *c)
{
    const struct url_settings settings = {0};

    return url_case_open(c, &settings, (const char *const[URL_CASE_URLS_MAX]){"BACKEND/§"});
}

void url_case_close(struct url_table *t)
{
    struct table *table = &t->base;

    table_unref(&table);
}

static bool has(const struct buf *text, const char *part)
{
    return text->len > 0 && memmem(text->ptr, text->len, part, strlen(part)) != NULL;
}

void url_case_assert_has(const struct buf *text, const char *part)
{
    if (!has(text, part))
        fail_msg("no '%s' in: %.*s", part, (int)text->len, text->ptr);
}

void url_case_assert_lacks(const struct buf *text, const char *part)
{
    if (has(text, part))
        fail_msg("'%s' in: %.*s", part, (int)text->len, text->ptr);
}
