#include "server_load.h"

#include "podop/account.h"
#include "podop/clock.h"
#include "podop/mem.h"

#include "monitor/stats.h"

#include <stdlib.h>

enum { DISPOSING_US = 2000 }; /* in each turn */

static int check_listen(const struct listen_config *listen, struct error *err)
{
    if (listen->mode == MODE_HTTP && !web_server_is_built())
        return error_set(err, ERR_CONFIG,
                         "'http' needs libmicrohttpd, which this podop is built without");
    return socket_address_check(listen->socket, err);
}

static int check_user(const char *name, struct error *err)
{
    uid_t uid;
    gid_t gid;

    return account_find_user(name, &uid, &gid, err);
}

static int check_group(const char *name, struct error *err)
{
    gid_t gid;

    return account_find_group(name, &gid, err);
}

static const struct config_checks checks = {
    .listen = check_listen,
    .user = check_user,
    .group = check_group,
};

static void start_disposing(void *arg)
{
    struct server *s = arg;

    slices_start(&s->disposing);
}

static bool dispose_some(void *arg)
{
    return disposal_run(arg);
}

static void add_stats(void *arg, struct buf *out)
{
    const struct monitor_view view = server_view(arg);

    stats_add(&view, out);
}

static void reload_for_admin(void *arg, struct reload_request *request)
{
    struct server *s = arg;

    reloads_want(&s->reloads, request);
}

static void show_counts(void *arg, struct server_counts *to)
{
    const struct server *s = arg;

    *to = s->counts;
    to->connections = s->clients.connections;
}

static void show_clients(void *arg, struct client_counts *to)
{
    const struct server *s = arg;

    *to = clients_count(&s->clients);
}

static bool show_listener(void *arg, size_t i, struct listener_counts *to)
{
    const struct server *s = arg;

    return listeners_count(&s->listeners, i, to);
}

static void show_requests(void *arg, struct request_counts *to)
{
    const struct server *s = arg;

    *to = listeners_count_requests(&s->listeners);
}

static const struct monitor_ops monitor_ops = {
    .counts = show_counts,
    .clients = show_clients,
    .listener = show_listener,
    .requests = show_requests,
};

struct monitor_view server_view(void *arg)
{
    struct server *s = arg;

    return (struct monitor_view){
        .loop = s->loop,
        .http = s->http,
        .router = s->router,
        .is_stopping = s->is_stopping,
        .log = &s->log,
        .faults = &s->reload_faults,
        .ops = &monitor_ops,
        .arg = s,
    };
}

static struct server *server_alloc(struct ev_loop *loop, const struct config_source *source)
{
    struct server *s = xcalloc(1, sizeof(*s));

    s->source = *source;
    s->source.types = &table_types;
    s->source.checks = &checks;
    s->loop = loop;
    service_clock_hold(loop);
    slices_init(&s->disposing, loop, DISPOSING_US, dispose_some, &s->disposal);
    disposal_init(&s->disposal, start_disposing, s);
    log_init(&s->log);
    s->admin = (struct admin){.arg = s, .reload = reload_for_admin, .stats = add_stats};
    s->counts.started_at_ms = clock_now_ms();
    s->counts.started_at = time(NULL);
    s->listeners = (struct listeners){
        .loop = loop, .log = &s->log, .activation = &s->activation, .admin = &s->admin};
    clients_init(&s->clients, loop, &s->log);
    s->monitor = monitor_new(loop, server_view, s);
    return s;
}

void server_configure_log(struct server *s)
{
    log_configure(&s->log, s->config->log_level, s->config->log_format, s->config->log_target);
}

struct table_env server_table_env(struct server *s)
{
    return (struct table_env){
        .loop = s->loop,
        .http = s->http,
        .coprocesses = s->coprocesses,
        .commits = &s->commits,
        .write_behind = s->write_behind,
        .log = &s->log,
        .hash_key = s->hash_key,
        .disposal = &s->disposal,
        .json_files = s->json_files,
        .file_watch = s->file_watch,
        .json_renewals = s->json_renewals,
    };
}

/* Reads the files and opens the tables at once, because no client waits yet. */
static int open_tables(struct server *s, config_report_fn *report, void *arg)
{
    struct table_env env;

    s->json_files = json_files_new(&s->disposal);
    reload_read_files(s->config, s->json_files, NULL);
    env = server_table_env(s);
    s->router = router_new(s->config, &env, report, arg);
    return s->router == NULL ? -1 : 0;
}

static int load(struct server *s, config_report_fn *report, void *arg, struct error *err)
{
    s->config = config_load(&s->source, report, arg);
    if (s->config == NULL) {
        err->kind = ERR_CONFIG;
        return -1;
    }
    server_configure_log(s);
    s->http = http_new(s->loop, &s->config->pool, err);
    if (s->http == NULL)
        return -1;
    http_set_log(s->http, &s->log);
    s->coprocesses = coprocesses_new(s->loop, &s->log);
    s->write_behind = write_behind_new(s->loop, &s->log);
    s->file_watch = file_watch_new(s->loop, &s->log);
    s->json_renewals = json_renewals_new(s->loop, s->file_watch, &s->log, &s->disposal);
    hash_key_init_random(&s->hash_key);
    if (open_tables(s, report, arg) == -1) {
        err->kind = ERR_CONFIG;
        return -1;
    }
    return 0;
}

struct server *server_load(struct ev_loop *loop, const struct config_source *source,
                           config_report_fn *report, void *arg, struct error *err)
{
    struct server *s = server_alloc(loop, source);

    if (load(s, report, arg, err) == -1)
        server_unload(&s);
    return s;
}

void server_unload(struct server **pserver)
{
    struct server *s = *pserver;

    if (s == NULL)
        return;
    *pserver = NULL;
    deadline_stop(&s->stop_deadline);
    reloads_deinit(&s->reloads);
    listeners_close(&s->listeners);
    monitor_free(&s->monitor);
    if (s->write_behind != NULL)
        write_behind_close(s->write_behind);
    clients_deinit(&s->clients);
    commits_abort(&s->commits);
    write_behind_free(&s->write_behind);
    listeners_free(&s->listeners);
    activation_deinit(&s->activation);
    notify_deinit(&s->notify);
    router_free(&s->router);
    json_files_free(&s->json_files);
    json_renewals_free(&s->json_renewals);
    disposal_deinit(&s->disposal);
    file_watch_free(&s->file_watch);
    slices_stop(&s->disposing);
    coprocesses_free(&s->coprocesses);
    http_free(&s->http);
    config_unref(&s->config);
    log_deinit(&s->log);
    service_clock_release(s->loop);
    free(s);
}
