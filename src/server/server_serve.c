#include "server_serve.h"

#include "exposure.h"
#include "warnings.h"

#include <limits.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { RESERVED_DESCRIPTORS = 64 }; /* for files, the event loop and name resolution */

static void on_monitor_gone(void *arg)
{
    struct listener *listener = arg;
    struct server *s = listener->accept_arg;

    listener_client_gone(listener);
    listeners_forget_closed(&s->listeners);
}

int server_start_monitor(struct server *s, const struct config *config, struct error *err)
{
    return listen_config_is_set(&config->http) ? monitor_start(s->monitor, err) : 0;
}

static void on_accept(void *arg, struct listener *listener, int fd)
{
    struct server *s = arg;
    const bool is_http = listener->service->base.listen->mode == MODE_HTTP;

    if (admission_check(&listener->admission, listener->service->base.listen, fd,
                        listener->address.text, &s->log)) {
        if (is_http)
            monitor_add(s->monitor, fd, on_monitor_gone, listener);
        else
            clients_add(&s->clients, listener, fd);
        return;
    }
    s->counts.refused++;
    close(fd);
    listener_client_gone(listener);
}

/* Returns how many descriptors to reserve for tables: twice their number, because a reload opens
 * the new tables before it closes the old ones. */
static rlim_t tables_descriptors(const struct config *config)
{
    rlim_t descriptors = 0;

    for (size_t i = 0; i < config->table_count; i++)
        descriptors += table_descriptors(&config->tables[i]);
    return 2 * descriptors;
}

/* Raises the soft limit of descriptors to the hard one. Returns the limit for clients, which get
 * only descriptors below it. */
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

void server_accept(struct server *s)
{
    listeners_start(&s->listeners, raise_descriptors(s->config), on_accept, s);
}

void server_notify_ready(struct server *s, const char *note)
{
    char status[100];

    snprintf(status, sizeof(status), "Serving; sockets: %zu, tables: %zu%s",
             s->config->listen_count, s->config->table_count, note);
    notify_ready(&s->notify, status);
}

static void log_warning_text(void *arg, const char *text)
{
    struct server *s = arg;

    log_warning(&s->log, "config_warning", LOG_STR("reason", text));
}

void server_log_warnings(struct server *s)
{
    warnings_report(s->config, s->is_user, log_warning_text, s);
    exposure_report(&s->listeners, log_warning_text, s);
}
