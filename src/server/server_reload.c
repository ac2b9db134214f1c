#include "server_reload.h"

#include "same_text.h"
#include "server_load.h"
#include "server_serve.h"

#include <time.h>

static struct reload_env begin(void *arg)
{
    struct server *s = arg;

    notify_reloading(&s->notify);
    fault_list_clear(&s->reload_faults);
    return (struct reload_env){
        .source = &s->source,
        .config = s->config,
        .json_files = s->json_files,
        .tables = server_table_env(s),
    };
}

/* Refuses a list without a user or group that may exist: its clients would be refused until the
 * next reload, while the current list is right. */
static int check_allowed(const struct listen_config *listen, struct error *err)
{
    if (listen->allowed.failure == NULL)
        return 0;
    return error_set(err, ERR_CONFIG, "%s: 'allow': %s", listen->origin, listen->allowed.failure);
}

static int check_all_allowed(const struct config *next, struct error *err)
{
    int status = check_allowed(&next->control, err);

    if (status == 0)
        status = check_allowed(&next->http, err);
    for (size_t i = 0; i < next->listen_count && status == 0; i++)
        status = check_allowed(&next->listen[i], err);
    return status;
}

/* Checks that user and group stay the same, because podop is not root any more, that the sandbox
 * allows what the next configuration needs, and that its clients are known. */
static int check(void *arg, const struct config *next, struct error *err)
{
    const struct server *s = arg;

    if (is_same_text(s->config->user, next->user) && is_same_text(s->config->group, next->group)) {
        const int status = sandbox_check(&s->sandbox, s->config, next, err);

        return status == -1 ? -1 : check_all_allowed(next, err);
    }
    return error_set(err, ERR_CONFIG,
                     "%s: 'user' and 'group' cannot change at a reload: restart podop",
                     s->source.file == NULL ? "command line" : s->source.file);
}

/* Replaces the router, the files and the configuration. Requests under way have references to what
 * they use of the previous ones. */
static void take_over(struct server *s, struct reloaded *next)
{
    struct router *previous = s->router;

    router_take_over(next->router, previous);
    s->router = next->router;
    listeners_serve(&s->listeners, s->router);
    monitor_restart(s->monitor);
    router_dispose(&previous, &s->disposal);
    json_files_free(&s->json_files);
    s->json_files = next->json_files;
    config_unref(&s->config);
    s->config = next->config;
    monitor_remember(s->monitor, listen_config_is_set(&s->config->http));
    *next = (struct reloaded){0};
    http_set_pool(s->http, &s->config->pool);
    http_reload_names(s->http);
    server_configure_log(s);
    server_accept(s);
}

static int switch_to(void *arg, struct reloaded *next, struct error *err)
{
    struct server *s = arg;

    if (server_start_monitor(s, next->config, err) == -1 ||
        listeners_plan(&s->listeners, next->config, err) == -1 ||
        listeners_switch(&s->listeners, next->config, err) == -1)
        return -1; /* the running configuration is unchanged */
    take_over(s, next);
    server_log_warnings(s);
    log_info(&s->log, "reload", LOG_UINT("sockets", s->config->listen_count),
             LOG_UINT("tables", s->config->table_count));
    return 0;
}

static void ended(void *arg, int status)
{
    struct server *s = arg;

    s->counts.reloaded_at = time(NULL);
    s->counts.last_reload_failed = status == -1;
    if (status == 0)
        s->counts.reloads++;
    else
        s->counts.reloads_failed++;
    server_notify_ready(s, status == 0 ? "" : "; the last reload failed");
}

static void fault(void *arg, const char *text)
{
    struct server *s = arg;

    fault_list_add(&s->reload_faults, span_of(text));
}

const struct reloads_ops server_reload_ops = {
    .begin = begin,
    .check = check,
    .switch_to = switch_to,
    .ended = ended,
    .fault = fault,
};
