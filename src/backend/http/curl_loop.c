#include "curl_loop.h"

#include "podop/mem.h"
#include "podop/priority.h"

#include <stdlib.h>

struct watched_socket {
    struct curl_loop *curl;
    ev_io io;
};

/* Reports all transfers that have ended. Asks libcurl for its list each time, because on_end() may
 * change it. */
static void report_ended(struct curl_loop *curl)
{
    CURLMsg *msg;
    int left;

    while ((msg = curl_multi_info_read(curl->multi, &left)) != NULL)
        curl->on_end(msg->easy_handle, msg->data.result); /* msg is invalid from here on */
}

static void on_ready(struct ev_loop *loop, ev_io *w, int revents)
{
    struct watched_socket *s = w->data;
    struct curl_loop *curl = s->curl;
    int what =
        (revents & EV_READ ? CURL_CSELECT_IN : 0) | (revents & EV_WRITE ? CURL_CSELECT_OUT : 0);
    int running;

    (void)loop;
    curl_multi_socket_action(curl->multi, w->fd, what, &running); /* may free s */
    report_ended(curl);
}

static void unwatch(struct curl_loop *curl, curl_socket_t fd, struct watched_socket *s)
{
    if (s == NULL)
        return;
    ev_io_stop(curl->loop, &s->io);
    curl_multi_assign(curl->multi, fd, NULL);
    free(s);
}

static struct watched_socket *watched_socket_new(struct curl_loop *curl, curl_socket_t fd)
{
    struct watched_socket *s = xmalloc(sizeof(*s));

    s->curl = curl;
    ev_init(&s->io, on_ready);
    s->io.data = s;
    curl_multi_assign(curl->multi, fd, s);
    return s;
}

/* Watches fd as libcurl asks in what. Called by libcurl, which must not be called from here. */
static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct curl_loop *curl = arg;
    struct watched_socket *s = socket_arg;
    int events = (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0);

    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        unwatch(curl, fd, s);
        return 0;
    }
    if (s == NULL)
        s = watched_socket_new(curl, fd);
    ev_io_stop(curl->loop, &s->io);
    ev_io_set(&s->io, fd, events);
    ev_io_start(curl->loop, &s->io);
    return 0;
}

static void time_out(struct curl_loop *curl)
{
    int running;

    curl_multi_socket_action(curl->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    report_ended(curl);
}

static void on_timer_ready(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)revents;
    time_out(w->data);
}

static void on_kick(void *arg)
{
    time_out(arg);
}

/* Sets the timer as libcurl asks; 0: call it soon; -1: stop the timer. Called by libcurl. */
static int on_timer(CURLM *multi, long timeout_ms, void *arg)
{
    struct curl_loop *curl = arg;

    (void)multi;
    ev_timer_stop(curl->loop, &curl->timer);
    if (timeout_ms == 0) {
        deferred_start(&curl->kick);
    } else if (timeout_ms > 0) {
        ev_timer_set(&curl->timer, (double)timeout_ms / 1000.0, 0.0);
        ev_timer_start(curl->loop, &curl->timer);
    }
    return 0;
}

void curl_loop_init(struct curl_loop *curl, struct ev_loop *loop, curl_loop_fn *on_end)
{
    *curl = (struct curl_loop){.loop = loop, .on_end = on_end, .multi = curl_multi_init()};
    if (curl->multi == NULL)
        abort(); /* out of memory, as in mem.c */
    ev_init(&curl->timer, on_timer_ready);
    ev_set_priority(&curl->timer, PRIORITY_TICKS);
    curl->timer.data = curl;
    deferred_init(&curl->kick, loop, PRIORITY_HTTP, on_kick, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(curl->multi, CURLMOPT_SOCKETDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERFUNCTION, on_timer);
    curl_multi_setopt(curl->multi, CURLMOPT_TIMERDATA, curl);
    curl_multi_setopt(curl->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
}

void curl_loop_deinit(struct curl_loop *curl)
{
    curl_multi_cleanup(curl->multi);
    ev_timer_stop(curl->loop, &curl->timer);
    deferred_stop(&curl->kick);
}
