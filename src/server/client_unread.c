#include "client_unread.h"

#include "podop/clock.h"

#include <linux/sockios.h>
#include <sys/ioctl.h>

/* Returns the bytes that the kernel has not delivered yet. They decrease while the client reads. */
static int queued_bytes(int fd)
{
    int bytes;

    return ioctl(fd, SIOCOUTQ, &bytes) == -1 ? 0 : bytes;
}

static void start_waiting(struct client *c)
{
    c->queued_bytes = queued_bytes(c->io.fd);
    deadline_start_in(&c->unread_deadline, c->clients->loop,
                      listener_service_reply_timeout_ms(c->listener->service));
}

static void tell_session(struct client *c)
{
    if (c->session != NULL && c->protocol->output_progressed != NULL)
        c->protocol->output_progressed(c->session);
}

void client_unread_watch(struct client *c, bool has_progressed)
{
    if (has_progressed)
        c->is_stalled = false;
    if (c->out.len == 0)
        deadline_stop(&c->unread_deadline);
    else if (has_progressed || !deadline_is_running(&c->unread_deadline))
        start_waiting(c);
    if (c->out.len > 0 && has_progressed)
        tell_session(c);
}

bool client_unread_has_read(struct client *c)
{
    if (queued_bytes(c->io.fd) >= c->queued_bytes)
        return false;
    c->is_stalled = false;
    start_waiting(c);
    tell_session(c);
    return true;
}

void client_unread_log(const struct client *c, const char *reason)
{
    struct listener *l = c->listener;

    log_info(c->clients->log, "client_refused", LOG_UINT("conn", c->conn),
             LOG_STR("socket", l->address.text), LOG_STR("reason", reason));
    l->not_reading++;
    if (!rate_limit_allows(&l->unread_limit, clock_now_ms(), LOG_INTERVAL_MS))
        return;
    log_warning(c->clients->log, "client_not_reading", LOG_UINT("conn", c->conn),
                LOG_STR("socket", l->address.text), LOG_UINT("unread_bytes", c->out.len),
                LOG_STR("reason", reason), LOG_UINT("count", l->not_reading));
}
