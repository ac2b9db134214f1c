/* url_table.c - the type "url": tables behind an HTTP service. */
#include "url_base.h"
#include "url_commit.h"
#include "url_explain.h"
#include "url_identity.h"
#include "url_iterate.h"
#include "url_lookup.h"

#include "podop/json_value.h"

#include <stdlib.h>

static void url_table_close(struct table *table)
{
    struct url_table *t = url_table_of(table);

    url_backends_close(&t->backends);
    url_access_close(&t->access);
    free(t->select);
    free(t);
}

static int url_table_check(const struct table_config *config, struct error *err)
{
    return url_backends_check(config, err) == -1 ? -1 : url_access_check(config, err);
}

static struct url_statuses statuses_of(const struct table_config *config)
{
    const bool has_certificate = config->tls.cert_file != NULL;

    return (struct url_statuses){
        .miss = config->miss,
        .temporary = config->temporary,
        .has_certificate = has_certificate,
        .sends_credentials =
            has_certificate || config->auth.type != AUTH_NONE || config->headers.count > 0,
    };
}

static struct table *url_table_open(const struct table_config *config, const struct table_env *env,
                                    struct error *err)
{
    struct url_table *t = xcalloc(1, sizeof(*t));

    t->select = config->select == NULL ? NULL : xstrdup(config->select);
    t->statuses = statuses_of(config);
    t->keep_slash = config->encode == ENCODE_PATH;
    t->retries = config->retries;
    t->key_limit.loop = env->loop;
    t->value = config->value;
    if (url_access_open(&t->access, config, env->http, env->log, err) == -1 ||
        url_backends_open(&t->backends, &t->base, &t->access, config, env->http, err) == -1) {
        url_table_close(&t->base);
        return NULL;
    }
    secret_free(&t->access.authorization); /* the sites have it */
    t->identity = url_identity_choose(&t->backends);
    return &t->base;
}

static void url_table_inherit(struct table *next, struct table *previous)
{
    url_backends_inherit(&url_table_of(next)->backends, &url_table_of(previous)->backends);
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
    .inherit = url_table_inherit,
    .identify = url_identity_fill,
    .is_plain = url_identity_is_plain,
    .forgets_all = url_identity_forgets_all,
    .add_stats = url_explain_add_stats,
    .start = url_lookup_start,
    .cancel = url_lookup_cancel,
    .change_fault = url_commit_change_fault,
    .commit_bytes = sizeof(struct url_commit),
    .commit = url_commit_start,
    .abort_commit = url_commit_abort,
    .read_back = url_table_read_back,
    .iteration_bytes = sizeof(struct url_iteration),
    .go_on = url_iterate_go_on,
    .stop = url_iterate_stop,
};
