#include "podop/server.h"

#include "access.h"
#include "activation.h"
#include "client.h"
#include "listeners.h"
#include "notify.h"
#include "privileges.h"
#include "reloads.h"
#include "slices.h"
#include "stats.h"

#include "podop/clock.h"
#include "podop/coprocess.h"
#include "podop/deadline.h"
#include "podop/disposal.h"
#include "podop/http.h"
#include "podop/mem.h"
#include "podop/transaction.h"
#include "podop/write_behind.h"

#include <ev.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { RESERVED_DESCRIPTORS = 64 }; /* for files, the loop, name resolution */

struct server {
    struct ev_loop *loop;
    struct config_source source;
    struct log log;
    struct config *config; /* a reference */
    struct http *http;
    struct coprocesses *coprocesses;
    struct router *router;
    struct json_files *json_files; /* that router's tables were opened with */
    struct disposal disposal;      /* of what is large */
    struct slices disposing;
    struct reloads reloads;
    struct activation activation;
    struct listeners listeners;
    struct client_world clients;
    struct commits commits;
    struct write_behind *write_behind;
    struct notify notify;
    struct admin admin; /* what the control socket can do here */
    struct stats stats;
    struct deadline stop_deadline;
    bool is_stopping;
};

static void log_as_configured(struct log *log, const struct config *config)
{
    log_configure(log, config->log_level, config->log_format, config->log_target);
}

static struct table_env table_env(struct server *s)
{
    return (struct table_env){
        .loop = s->loop,
        .http = s->http,
        .coprocesses = s->coprocesses,
        .commits = &s->commits,
        .write_behind = s->write_behind,
        .log = &s->log,
        .disposal = &s->disposal,
        .json_files = s->json_files,
    };
}

/* Those of a start, which wait for nobody. */
static struct router *open_tables(struct server *s, config_report_fn *report, void *arg)
{
    struct table_env env;

    s->json_files = json_files_new(&s->disposal);
    reload_read_files(s->config, s->json_files, NULL);
    env = table_env(s);
    return router_new(s->config, &env, report, arg);
}

static void dispose(void *arg)
{
    struct server *s = arg;

    slices_start(&s->disposing);
}

static bool dispose_some(void *arg)
{
    return disposal_run(arg);
}

static int check_listen(const struct listen_config *listen, struct error *err)
{
    return socket_address_check(listen->socket, err);
}

static int check_user(const char *name, struct error *err)
{
    uid_t uid;
    gid_t gid;

    return privileges_find_user(name, &uid, &gid, err);
}

static int check_group(const char *name, struct error *err)
{
    gid_t gid;

    return privileges_find_group(name, &gid, err);
}

static const struct config_checks checks = {
    .listen = check_listen,
    .user = check_user,
    .group = check_group,
};

static struct stats_sources stats_sources(const struct server *s)
{
    return (struct stats_sources){
        .own = &s->stats,
        .clients = &s->clients,
        .http = s->http,
        .router = s->router,
        .loop = s->loop,
    };
}

static void add_stats(void *arg, struct buf *out)
{
    const struct stats_sources sources = stats_sources(arg);

    stats_add(&sources, out);
}

static void reload_for_admin(void *arg, struct reload_request *request)
{
    struct server *s = arg;

    reloads_want(&s->reloads, request);
}

/* What both running and checking need: configuration and tables. */
static struct server *load(struct ev_loop *loop, const struct config_source *source,
                           config_report_fn *report, void *arg, struct error *err)
{
    struct server *s = xcalloc(1, sizeof(*s));

    s->source = *source;
    s->source.types = &table_types;
    s->source.checks = &checks;
    s->loop = loop;
    service_clock_hold(loop);
    slices_init(&s->disposing, loop, dispose_some, &s->disposal);
    disposal_init(&s->disposal, dispose, s);
    log_init(&s->log);
    log_start_writer(&s->log);
    s->admin = (struct admin){.arg = s, .reload = reload_for_admin, .stats = add_stats};
    s->stats.started_at_ms = clock_now_ms();
    s->listeners = (struct listeners){
        .loop = loop, .log = &s->log, .activation = &s->activation, .admin = &s->admin};
    client_world_init(&s->clients, loop, &s->log);
    s->config = config_load(&s->source, report, arg);
    if (s->config == NULL) {
        err->kind = ERR_CONFIG;
        goto fail;
    }
    log_as_configured(&s->log, s->config);
    s->http = http_new(loop, &s->config->pool, err);
    if (s->http == NULL)
        goto fail;
    http_set_log(s->http, &s->log);
    s->coprocesses = coprocesses_new(loop, &s->log);
    s->write_behind = write_behind_new(loop, &s->log);
    s->router = open_tables(s, report, arg);
    if (s->router == NULL) {
        err->kind = ERR_CONFIG;
        goto fail;
    }
    return s;
fail:
    server_free(&s);
    return NULL;
}

static bool is_configured_user(const struct config *config)
{
    struct error unknown = {0};
    uid_t uid;
    gid_t gid;

    return geteuid() != 0 &&
           (config->user == NULL ||
            (privileges_find_user(config->user, &uid, &gid, &unknown) == 0 && uid == geteuid()));
}

/* What the configuration says and hardly means, and what the user that podop is now cannot do. */
static void warn_of(const struct config *config, config_report_fn *warn, void *arg)
{
    for (size_t i = 0; i < config->warnings.count; i++)
        warn(arg, config->warnings.items[i]);
    if (config->user != NULL && is_configured_user(config))
        access_check(config, warn, arg);
}

static void log_warning_text(void *arg, const char *text)
{
    struct server *s = arg;

    log_warning(&s->log, "config_warning", LOG_STR("reason", text));
}

/* As root, what podop cannot do as the configured user shows only to that user. Without such a user
 * the warning has been given. */
static void become_configured_user(const struct config *config)
{
    struct error ignored = {0};

    if (geteuid() == 0 && config->user != NULL)
        privileges_drop(config->user, config->group, &ignored);
}

int server_check(struct ev_loop *loop, const struct config_source *source, config_report_fn *report,
                 config_report_fn *warn, void *arg, struct error *err)
{
    struct server *s = load(loop, source, report, arg, err);

    if (s == NULL)
        return -1;
    become_configured_user(s->config);
    warn_of(s->config, warn, arg);
    server_free(&s);
    return 0;
}

/* A client has gone, or a write has ended: was it the last that a stop waits for? */
static void on_less_to_do(void *arg)
{
    struct server *s = arg;

    listeners_forget_closed(&s->listeners);
    if (s->is_stopping && s->clients.first == NULL && s->commits.first == NULL &&
        write_behind_is_empty(s->write_behind))
        ev_break(s->loop, EVBREAK_ALL);
}

static void on_stop_deadline(void *arg)
{
    struct server *s = arg;

    log_warning(&s->log, "stop_cut_short", LOG_UINT("ms", s->config->shutdown_timeout_ms));
    ev_break(s->loop, EVBREAK_ALL);
}

static const struct reloads_ops reloads_ops;

struct server *server_new(struct ev_loop *loop, const struct config_source *source,
                          config_report_fn *report, void *arg, struct error *err)
{
    struct server *s = load(loop, source, report, arg, err);

    if (s == NULL)
        return NULL;
    activation_init(&s->activation);
    notify_init(&s->notify, loop);
    deadline_init(&s->stop_deadline, on_stop_deadline, s);
    reloads_init(&s->reloads, &reloads_ops, s, loop, &s->log);
    s->clients.on_gone = on_less_to_do;
    s->clients.on_gone_arg = s;
    s->commits.on_idle = on_less_to_do;
    s->commits.arg = s;
    if (listeners_plan(&s->listeners, s->config, err) == -1 ||
        listeners_switch(&s->listeners, s->config, err) == -1 ||
        privileges_drop(s->config->user, s->config->group, err) == -1) {
        server_free(&s);
        return NULL;
    }
    warn_of(s->config, log_warning_text, s);
    activation_log_unused(&s->activation, &s->log);
    router_take_over(s->router, NULL);
    listeners_serve(&s->listeners, s->router);
    return s;
}

static void on_accept(void *arg, struct listener *listener, int fd)
{
    struct server *s = arg;

    client_new(&s->clients, listener, fd);
}

/* Those that the tables hold, twice: a reload has the old tables and the new ones. */
static rlim_t tables_descriptors(const struct config *config)
{
    rlim_t descriptors = 0;

    for (size_t i = 0; i < config->table_count; i++)
        descriptors += table_descriptors(&config->tables[i]);
    return 2 * descriptors;
}

/* As many descriptors as we may have; clients get those below the number returned. */
static int raise_descriptors(const struct config *config)
{
    struct rlimit limit;
    rlim_t backends = 2 * (rlim_t)config->pool.max_connections + RESERVED_DESCRIPTORS +
                      tables_descriptors(config);

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
        return INT_MAX;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > INT_MAX)
        return INT_MAX;
    return (int)(backends < limit.rlim_cur / 2 ? limit.rlim_cur - backends : limit.rlim_cur / 2);
}

static void accept_clients(struct server *s)
{
    listeners_start(&s->listeners, raise_descriptors(s->config), on_accept, s);
}

static void tell_ready(struct server *s, const char *note)
{
    char status[100];

    snprintf(status, sizeof(status), "Serving; sockets: %zu, tables: %zu%s",
             s->config->listen_count, s->config->table_count, note);
    notify_ready(&s->notify, status);
}

void server_run(struct server *s)
{
    accept_clients(s);
    for (const struct listener *l = s->listeners.first; l != NULL; l = l->next)
        log_info(&s->log, "listening", LOG_STR("socket", l->address.text));
    log_info(&s->log, "ready", LOG_UINT("sockets", s->config->listen_count),
             LOG_UINT("tables", s->config->table_count));
    tell_ready(s, "");
    ev_run(s->loop, 0);
    log_info(&s->log, "stopped", LOG_UINT("connections", s->clients.connections));
}

static bool is_same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What podop became at its start it stays. */
static int check_identity(const struct server *s, const struct config *next, struct error *err)
{
    if (is_same_text(s->config->user, next->user) && is_same_text(s->config->group, next->group))
        return 0;
    return error_set(err, ERR_CONFIG,
                     "%s: 'user' and 'group' cannot change at a reload: restart podop",
                     s->source.file == NULL ? "command line" : s->source.file);
}

/* From here on what was read is what podop lives by. Requests under way hold references to what
 * they use of the last one. */
static void take_over(struct server *s, struct reloaded *next)
{
    struct router *previous = s->router;

    router_take_over(next->router, previous);
    s->router = next->router;
    listeners_serve(&s->listeners, s->router);
    router_dispose(&previous, &s->disposal);
    json_files_free(&s->json_files);
    s->json_files = next->json_files;
    config_unref(&s->config);
    s->config = next->config;
    *next = (struct reloaded){0};
    http_set_pool(s->http, &s->config->pool);
    http_reload_names(s->http);
    log_as_configured(&s->log, s->config);
    accept_clients(s);
}

static int check_config(void *arg, const struct config *config, struct error *err)
{
    return check_identity(arg, config, err);
}

static struct reload_env begin_reload(void *arg)
{
    struct server *s = arg;

    notify_reloading(&s->notify);
    return (struct reload_env){
        .source = &s->source, .json_files = s->json_files, .tables = table_env(s)};
}

static int switch_to(void *arg, struct reloaded *next, struct error *err)
{
    struct server *s = arg;

    if (listeners_plan(&s->listeners, next->config, err) == -1 ||
        listeners_switch(&s->listeners, next->config, err) == -1)
        return -1;
    take_over(s, next);
    warn_of(s->config, log_warning_text, s);
    log_info(&s->log, "reload", LOG_UINT("sockets", s->config->listen_count),
             LOG_UINT("tables", s->config->table_count));
    return 0;
}

static void reload_ended(void *arg, int status)
{
    struct server *s = arg;

    s->stats.reloaded_at = time(NULL);
    s->stats.has_failed = status == -1;
    if (status == 0)
        s->stats.reloads++;
    else
        s->stats.reloads_failed++;
    tell_ready(s, status == 0 ? "" : "; the last reload failed");
}

static const struct reloads_ops reloads_ops = {
    .begin = begin_reload,
    .check = check_config,
    .switch_to = switch_to,
    .ended = reload_ended,
};

void server_reload_logged(struct server *s)
{
    reloads_want_logged(&s->reloads);
}

void server_log_counters(struct server *s)
{
    const struct stats_sources sources = stats_sources(s);

    stats_log(&sources, &s->log);
}

void server_stop(struct server *s)
{
    if (s->is_stopping) {
        ev_break(s->loop, EVBREAK_ALL);
        return;
    }
    s->is_stopping = true;
    reloads_stop(&s->reloads);
    notify_stopping(&s->notify);
    if (s->config->shutdown_timeout_ms == 0) {
        ev_break(s->loop, EVBREAK_ALL);
        return;
    }
    log_info(&s->log, "stopping", LOG_UINT("ms_at_most", s->config->shutdown_timeout_ms));
    listeners_drain(&s->listeners);
    listeners_close(&s->listeners);
    deadline_start_in(&s->stop_deadline, s->loop, s->config->shutdown_timeout_ms);
    clients_stop(&s->clients);
    write_behind_stop(s->write_behind);
    on_less_to_do(s);
}

void server_free(struct server **pserver)
{
    struct server *s = *pserver;

    if (s == NULL)
        return;
    *pserver = NULL;
    deadline_stop(&s->stop_deadline);
    reloads_deinit(&s->reloads);
    listeners_close(&s->listeners);
    if (s->write_behind != NULL)
        write_behind_close(s->write_behind);
    client_world_deinit(&s->clients);
    commits_abort(&s->commits);
    write_behind_free(&s->write_behind);
    listeners_free(&s->listeners);
    activation_deinit(&s->activation);
    notify_deinit(&s->notify);
    router_free(&s->router);
    json_files_free(&s->json_files);
    disposal_deinit(&s->disposal);
    slices_stop(&s->disposing);
    coprocesses_free(&s->coprocesses);
    http_free(&s->http);
    config_unref(&s->config);
    log_deinit(&s->log);
    service_clock_release(s->loop);
    free(s);
}
