#include "notify.h"

#include "podop/priority.h"
#include "podop/systemd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    STATUS_BYTES_MAX = 200,
    WAITING_BYTES_MAX = 4096, /* messages beyond that are dropped */
};

/* Returns false when the service manager has no room for the message now. */
static bool send_message(const struct notify *notify, const char *lines)
{
    return send(notify->fd, lines, strlen(lines), MSG_NOSIGNAL) != -1 || errno != EAGAIN;
}

static void on_writable(struct ev_loop *loop, ev_io *w, int revents)
{
    struct notify *notify = w->data;
    struct buf *waiting = &notify->waiting;

    (void)revents;
    while (waiting->len > 0 && send_message(notify, waiting->ptr))
        buf_drop(waiting, strlen(waiting->ptr) + 1);
    if (waiting->len == 0)
        ev_io_stop(loop, w);
}

/* Sends the message, or queues it while the service manager is busy. Messages keep their order. */
static void send_or_queue(struct notify *notify, const char *lines)
{
    struct span message = {lines, strlen(lines) + 1};

    if (notify->fd == -1 || (notify->waiting.len == 0 && send_message(notify, lines)) ||
        message.len > WAITING_BYTES_MAX - notify->waiting.len)
        return;
    buf_add(&notify->waiting, message);
    ev_io_start(notify->loop, &notify->writable);
}

/* A stuck loop does not run this timer, so systemd restarts podop. */
static void on_watchdog(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct notify *notify = w->data;

    (void)loop;
    (void)revents;
    send_message(notify, "WATCHDOG=1"); /* never queued: the next one comes soon */
}

void notify_init(struct notify *notify, struct ev_loop *loop)
{
    notify->loop = loop;
    notify->fd = systemd_take_notify_socket();
    buf_init(&notify->waiting, WAITING_BYTES_MAX);
    ev_io_init(&notify->writable, on_writable, notify->fd, EV_WRITE);
    ev_init(&notify->watchdog, on_watchdog);
    ev_set_priority(&notify->watchdog, PRIORITY_WATCHDOG);
    notify->watchdog.data = notify->writable.data = notify;
    /* Half of the interval, as sd_watchdog_enabled(3) recommends. */
    notify->watchdog.repeat = (double)systemd_take_watchdog_us() / 1e6 / 2;
}

void notify_deinit(struct notify *notify)
{
    if (notify->loop == NULL)
        return;
    ev_timer_stop(notify->loop, &notify->watchdog);
    ev_io_stop(notify->loop, &notify->writable);
    buf_deinit(&notify->waiting);
    if (notify->fd != -1)
        close(notify->fd);
    notify->loop = NULL;
}

void notify_ready(struct notify *notify, const char *status)
{
    char lines[sizeof("READY=1\nSTATUS=") + STATUS_BYTES_MAX];

    snprintf(lines, sizeof(lines), "READY=1\nSTATUS=%s", status);
    send_or_queue(notify, lines);
    if (notify->fd != -1)
        ev_timer_again(notify->loop, &notify->watchdog); /* stays stopped when repeat is 0 */
}

/* With the time, on the monotonic clock, systemd distinguishes this reload from earlier ones. */
void notify_reloading(struct notify *notify)
{
    struct timespec now;
    char lines[100];

    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(lines, sizeof(lines), "RELOADING=1\nMONOTONIC_USEC=%" PRIu64 "\nSTATUS=Reloading",
             (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
    send_or_queue(notify, lines);
}

void notify_stopping(struct notify *notify)
{
    send_or_queue(notify, "STOPPING=1\nSTATUS=Stopping: answering requests under way");
}

void notify_status(struct notify *notify, const char *status)
{
    char line[sizeof("STATUS=") + STATUS_BYTES_MAX];

    snprintf(line, sizeof(line), "STATUS=%s", status);
    send_or_queue(notify, line);
}
