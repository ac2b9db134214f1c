#include "server_stop.h"

/* Called after a client was freed or a write has ended, because a stop may wait for the last of
 * them. */
static void on_less_to_do(void *arg)
{
    struct server *s = arg;

    listeners_forget_closed(&s->listeners);
    if (s->is_stopping && list_is_empty(&s->clients.all) && s->commits.first == NULL &&
        write_behind_is_empty(s->write_behind))
        ev_break(s->loop, EVBREAK_ALL);
}

static void on_stop_deadline(void *arg)
{
    struct server *s = arg;

    log_warning(&s->log, "stop_cut_short", LOG_UINT("ms", s->config->shutdown_timeout_ms));
    ev_break(s->loop, EVBREAK_ALL);
}

void server_stop_init(struct server *s)
{
    deadline_init(&s->stop_deadline, on_stop_deadline, s);
    s->clients.on_gone = on_less_to_do;
    s->clients.on_gone_arg = s;
    s->commits.on_idle = on_less_to_do;
    s->commits.arg = s;
}

static void finish_requests(struct server *s)
{
    log_info(&s->log, "stopping", LOG_UINT("ms_at_most", s->config->shutdown_timeout_ms));
    listeners_drain(&s->listeners);
    listeners_close_clients(&s->listeners); /* /ready says meanwhile that podop stops */
    deadline_start_in(&s->stop_deadline, s->loop, s->config->shutdown_timeout_ms);
    clients_stop(&s->clients);
    write_behind_stop(s->write_behind);
    on_less_to_do(s);
}

void server_begin_stop(struct server *s)
{
    if (s->is_stopping) {
        ev_break(s->loop, EVBREAK_ALL);
        return;
    }
    s->is_stopping = true;
    reloads_stop(&s->reloads);
    notify_stopping(&s->notify);
    if (s->config->shutdown_timeout_ms == 0)
        ev_break(s->loop, EVBREAK_ALL);
    else
        finish_requests(s);
}
