#include "podop/server.h"

#include "privileges.h"
#include "server_load.h"
#include "server_reload.h"
#include "server_serve.h"
#include "server_stop.h"
#include "warnings.h"

#include "monitor/stats.h"

int server_check(struct ev_loop *loop, const struct config_source *source, config_report_fn *report,
                 config_report_fn *warn, void *arg, struct error *err)
{
    struct server *s = server_load(loop, source, report, arg, err);

    if (s == NULL)
        return -1;
    warnings_report_as_user(s->config, warn, arg);
    server_unload(&s);
    return 0;
}

struct server *server_new(struct ev_loop *loop, const struct config_source *source,
                          config_report_fn *report, void *arg, struct error *err)
{
    struct server *s = server_load(loop, source, report, arg, err);

    if (s == NULL)
        return NULL;
    activation_init(&s->activation);
    notify_init(&s->notify, loop);
    reloads_init(&s->reloads, &server_reload_ops, s, loop, &s->log);
    server_stop_init(s);
    if (listeners_plan(&s->listeners, s->config, err) == -1 ||
        server_start_monitor(s, s->config, err) == -1 ||
        listeners_switch(&s->listeners, s->config, err) == -1 ||
        privileges_drop(s->config->user, s->config->group, err) == -1) {
        server_unload(&s);
        return NULL;
    }
    monitor_remember(s->monitor, listen_config_is_set(&s->config->http));
    s->is_user = warnings_is_user(s->config);
    server_log_warnings(s);
    activation_log_unused(&s->activation, &s->log);
    router_take_over(s->router, NULL);
    listeners_serve(&s->listeners, s->router);
    return s;
}

void server_free(struct server **server)
{
    server_unload(server);
}

void server_enter_sandbox(struct server *s)
{
    sandbox_enter(&s->sandbox, s->config, &s->log);
}

void server_run(struct server *s)
{
    log_start_writer(&s->log);
    server_accept(s);
    for (const struct listener *l = s->listeners.first; l != NULL; l = l->next)
        log_info(&s->log, "listening", LOG_STR("socket", l->address.text));
    log_info(&s->log, "ready", LOG_UINT("sockets", s->config->listen_count),
             LOG_UINT("tables", s->config->table_count));
    server_notify_ready(s, "");
    ev_run(s->loop, 0);
    log_info(&s->log, "stopped", LOG_UINT("connections", s->clients.connections));
}

void server_reload_logged(struct server *s)
{
    reloads_want_logged(&s->reloads);
}

void server_log_counters(struct server *s)
{
    const struct monitor_view view = server_view(s);

    stats_log(&view, &s->log);
}

const char *server_microhttpd_version(void)
{
    return web_server_version();
}

void server_stop(struct server *s)
{
    server_begin_stop(s);
}
