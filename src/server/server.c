#include "podop/server.h"

#include "client.h"
#include "listener.h"
#include "privileges.h"

#include "podop/http.h"
#include "podop/mem.h"
#include "podop/transaction.h"

#include <ev.h>

#include <limits.h>
#include <stdlib.h>
#include <sys/resource.h>

enum {
    ADDRESSES_MAX = 16,        /* of one host name */
    RESERVED_DESCRIPTORS = 64, /* for files, the loop, name resolution */
};

struct server {
    struct ev_loop *loop;
    struct log log;
    struct config *config;
    struct http *http;
    struct router *router;
    struct listener *listeners;
    struct client_world clients;
    struct commits commits;
    ev_timer stop_deadline;
    bool is_stopping;
};

static void log_as_configured(struct log *log, const struct config *config)
{
    log->level = config->log_level;
    log->format = config->log_format;
    log->target = config->log_target;
}

static int open_listeners(struct server *s, const struct listen_config *config, struct error *err)
{
    struct address at[ADDRESSES_MAX];
    int count = address_resolve(config->socket, at, ADDRESSES_MAX, err);

    int opened = 0;

    for (int i = 0; i < count; i++) {
        struct listener *l = xmalloc(sizeof(*l));

        if (listener_open(l, s->loop, &at[i], config, err) == -1) {
            free(l);
            if (err->kind == ERR_NO_ADDRESS && (opened > 0 || i + 1 < count))
                continue; /* localhost is [::1] too, even where there is no IPv6 */
            return error_prefix(err, "%s", config->origin);
        }
        opened++;
        l->service.router = s->router;
        l->service.log = &s->log;
        l->next = s->listeners;
        s->listeners = l;
    }
    return count == -1 ? error_prefix(err, "%s", config->origin) : 0;
}

static void close_listeners(struct server *s)
{
    for (struct listener *l = s->listeners; l != NULL; l = l->next)
        listener_close(l);
}

static struct router *open_tables(struct server *s, config_report_fn *report, void *arg)
{
    const struct table_env env = {
        .loop = s->loop, .http = s->http, .commits = &s->commits, .log = &s->log};

    return router_new(s->config, &env, report, arg);
}

static int check_listen(const struct listen_config *listen, struct error *err)
{
    return address_check(listen->socket, err);
}

static const struct config_checks checks = {.listen = check_listen, .table = table_check};

/* What both running and checking need: configuration and tables. */
static struct server *load(struct ev_loop *loop, const struct config_source *source,
                           config_report_fn *report, void *arg, struct error *err)
{
    struct server *s = xcalloc(1, sizeof(*s));
    struct config_source checked = *source;

    checked.checks = &checks;
    s->loop = loop;
    log_init(&s->log);
    client_world_init(&s->clients, loop, &s->log);
    s->config = config_load(&checked, report, arg);
    if (s->config == NULL) {
        err->kind = ERR_CONFIG;
        goto fail;
    }
    log_as_configured(&s->log, s->config);
    s->http = http_new(loop, &s->config->pool, err);
    if (s->http == NULL)
        goto fail;
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

int server_check(struct ev_loop *loop, const struct config_source *source, config_report_fn *report,
                 void *arg, struct error *err)
{
    struct server *s = load(loop, source, report, arg, err);

    if (s == NULL)
        return -1;
    server_free(&s);
    return 0;
}

/* A client has gone, or a write has ended: was it the last that a stop waits for? */
static void on_less_to_do(void *arg)
{
    struct server *s = arg;

    if (s->is_stopping && s->clients.first == NULL && s->commits.first == NULL)
        ev_break(s->loop, EVBREAK_ALL);
}

static void on_stop_deadline(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct server *s = w->data;

    (void)revents;
    log_warning(&s->log, "stop_cut_short", LOG_UINT("ms", s->config->shutdown_timeout_ms));
    ev_break(loop, EVBREAK_ALL);
}

struct server *server_new(struct ev_loop *loop, const struct config_source *source,
                          config_report_fn *report, void *arg, struct error *err)
{
    struct server *s = load(loop, source, report, arg, err);

    if (s == NULL)
        return NULL;
    ev_init(&s->stop_deadline, on_stop_deadline);
    s->stop_deadline.data = s;
    s->clients.on_gone = on_less_to_do;
    s->clients.on_gone_arg = s;
    s->commits.on_idle = on_less_to_do;
    s->commits.arg = s;
    for (size_t i = 0; i < s->config->listen_count; i++) {
        if (open_listeners(s, &s->config->listen[i], err) == -1)
            goto fail;
    }
    if (privileges_drop(s->config->user, s->config->group, err) == -1)
        goto fail;
    return s;
fail:
    server_free(&s);
    return NULL;
}

static void on_accept(void *arg, struct listener *listener, int fd)
{
    struct server *s = arg;

    client_new(&s->clients, listener, fd);
}

/* As many descriptors as we may have; clients get those below the number returned. */
static int raise_descriptors(const struct config *config)
{
    struct rlimit limit;
    rlim_t backends = 2 * (rlim_t)config->pool.max_connections + RESERVED_DESCRIPTORS;

    if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
        return INT_MAX;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur > INT_MAX)
        return INT_MAX;
    return (int)(backends < limit.rlim_cur / 2 ? limit.rlim_cur - backends : limit.rlim_cur / 2);
}

void server_run(struct server *s)
{
    int fd_max = raise_descriptors(s->config);

    for (struct listener *l = s->listeners; l != NULL; l = l->next) {
        listener_start(l, fd_max, on_accept, s);
        log_info(&s->log, "listening", LOG_STR("socket", l->address.text));
    }
    log_info(&s->log, "ready", LOG_UINT("sockets", s->config->listen_count),
             LOG_UINT("tables", s->config->table_count));
    ev_run(s->loop, 0);
    log_info(&s->log, "stopped", LOG_UINT("connections", s->clients.connections));
}

void server_stop(struct server *s)
{
    if (s->is_stopping) {
        ev_break(s->loop, EVBREAK_ALL);
        return;
    }
    s->is_stopping = true;
    if (s->config->shutdown_timeout_ms == 0) {
        ev_break(s->loop, EVBREAK_ALL);
        return;
    }
    log_info(&s->log, "stopping", LOG_UINT("ms_at_most", s->config->shutdown_timeout_ms));
    for (struct listener *l = s->listeners; l != NULL; l = l->next)
        listener_drain(l);
    close_listeners(s);
    s->stop_deadline.repeat = s->config->shutdown_timeout_ms / 1000.0;
    ev_timer_again(s->loop, &s->stop_deadline);
    clients_stop(&s->clients);
    router_flush(s->router);
    on_less_to_do(s);
}

void server_free(struct server **pserver)
{
    struct server *s = *pserver;

    if (s == NULL)
        return;
    *pserver = NULL;
    ev_timer_stop(s->loop, &s->stop_deadline);
    close_listeners(s);
    client_world_deinit(&s->clients);
    commits_abort(&s->commits);
    while (s->listeners != NULL) {
        struct listener *l = s->listeners;

        s->listeners = l->next;
        free(l);
    }
    router_free(&s->router);
    http_free(&s->http);
    config_free(&s->config);
    free(s);
}
