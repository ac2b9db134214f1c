/* url_table.c - the type "url": tables whose backend is an HTTP service. */
#include "url_table.h"

#include "table/json_reply.h"
#include "url_base.h"
#include "url_commit.h"
#include "url_explain.h"
#include "url_identity.h"
#include "url_iterate.h"
#include "url_lookup.h"
#include "url_settings.h"
#include "url_template.h"

#include "podop/json_value.h"
#include "podop/mem.h"

#include <stdlib.h>

static void url_table_deinit(struct table *table)
{
    struct url_table *t = url_table_of(table);

    url_renewal_free(&t->renewal);
    url_backends_close(&t->backends);
    free(t->select);
    free(t->error);
}

static int url_table_check_param(const struct table_config *config, const char *param,
                                 struct error *err)
{
    if (url_backends_check(param, config->name == NULL ? "" : config->name, err) == -1)
        return -1;
    /* The settings for access concern all URLs together, so they are checked with the first one. */
    return param == config->param ? url_access_check(config, err) : 0;
}

static struct url_statuses statuses_of(const struct url_settings *settings)
{
    const bool has_certificate = settings->tls.cert_file != NULL;

    return (struct url_statuses){
        .miss = settings->miss,
        .temporary = settings->temporary,
        .is_strict = settings->strict,
        .has_certificate = has_certificate,
        .sends_credentials =
            has_certificate || settings->auth.type != AUTH_NONE || settings->headers.count > 0,
    };
}

static int url_table_init(struct table *table, const struct table_config *config, struct error *err)
{
    const struct url_settings *settings = url_settings_of(config);
    struct url_table *t = url_table_of(table);

    t->select = settings->select == NULL ? NULL : xstrdup(settings->select);
    t->error = settings->error == NULL ? NULL : xstrdup(settings->error);
    t->statuses = statuses_of(settings);
    t->keep_slash = settings->encode == ENCODE_PATH;
    t->is_post = settings->lookup == LOOKUP_POST;
    t->retries = settings->retries;
    t->key_limit.loop = table->env.loop;
    t->value = settings->value;
    if (url_backends_open(&t->backends, table, config, err) == -1)
        return -1;
    t->renewal = url_renewal_new(&t->backends);
    t->identity = url_identity_choose(&t->backends, t->is_post);
    return 0;
}

static void url_table_take_over(struct table *next, struct table *previous)
{
    url_backends_take_over(&url_table_of(next)->backends, &url_table_of(previous)->backends);
}

static bool url_table_backend(struct table *table, size_t i, struct table_backend *to)
{
    return url_backends_describe(&url_table_of(table)->backends, i, to);
}

static void url_table_activate(struct table *table)
{
    url_renewal_start(url_table_of(table)->renewal);
}

static void url_table_retire(struct table *table)
{
    url_renewal_stop(url_table_of(table)->renewal);
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
    .config =
        {
            .name = "url",
            .settings_bytes = sizeof(struct url_settings),
            .settings = &url_settings,
            .may_be_list = true,
            .can_write = true,
            .check_param = url_table_check_param,
            .doubt_param = url_template_doubt,
            .cross_check = url_cross_check,
            .cross_check_defaults = url_cross_check_defaults,
        },
    .size = sizeof(struct url_table),
    .fetch_bytes = sizeof(struct url_fetch),
    .init = url_table_init,
    .deinit = url_table_deinit,
    .take_over = url_table_take_over,
    .activate = url_table_activate,
    .retire = url_table_retire,
    .identify = url_identity_fill,
    .is_plain = url_identity_is_plain,
    .invalidates_all = url_identity_invalidates_all,
    .add_stats = url_explain_add_stats,
    .log_stats = url_explain_log_stats,
    .backend = url_table_backend,
    .start = url_lookup_start,
    .cancel = url_lookup_cancel,
    .is_read_only = url_commit_is_read_only,
    .change_fault = url_commit_change_fault,
    .commit_bytes = sizeof(struct url_commit),
    .commit = url_commit_start,
    .abort_commit = url_commit_abort,
    .read_back = url_table_read_back,
    .iteration_bytes = sizeof(struct url_iteration),
    .go_on = url_iterate_go_on,
    .stop = url_iterate_stop,
};
