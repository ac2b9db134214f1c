#include "past.h"

#include "podop/clock.h"
#include "podop/http.h"
#include "podop/mem.h"
#include "podop/slices.h"
#include "podop/table_backend.h"

#include <ev.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SLICE_US = 200 };

static const double MINUTE_S = 60.0;

/* The walk over all tables, in slices. */
struct past_walk {
    struct ev_loop *loop;
    struct past *past;
    monitor_view_fn *view;
    void *arg;
    ev_timer minute;
    struct slices slices;
    bool is_on;
    size_t at; /* the next table */
};

/* Returns the name that the log has. */
static struct span name_in_log(const struct table_backend *backend)
{
    return backend->backend == NULL ? backend->name : span_of(backend->backend->url);
}

static void see_backends(struct outages *outages, struct table *table)
{
    struct table_backend at;

    for (size_t i = 0; table_backend(table, i, &at); i++)
        outages_see(outages, name_in_log(&at), at.is_failing);
}

static bool step(void *arg)
{
    struct past_walk *w = arg;
    struct table *table = router_table(w->view(w->arg).router, w->at);

    if (table != NULL) {
        w->at++;
        history_see(w->past->history, table, clock_now_ms());
        see_backends(&w->past->outages, table);
        return true;
    }
    if (history_sweep(w->past->history))
        return true;
    outages_end(&w->past->outages, clock_now_ms());
    w->is_on = false;
    return false;
}

static void begin(struct past_walk *w, bool is_minute)
{
    history_begin(w->past->history, is_minute);
    outages_begin(&w->past->outages);
    w->is_on = true;
    w->at = 0;
    slices_start(&w->slices);
}

static void on_minute(struct ev_loop *loop, ev_timer *timer, int revents)
{
    (void)loop;
    (void)revents;
    begin(timer->data, true);
}

static struct past_walk *walk_new(struct past *past, struct ev_loop *loop, monitor_view_fn *view,
                                  void *arg)
{
    struct past_walk *w = xcalloc(1, sizeof(*w));

    w->loop = loop;
    w->past = past;
    w->view = view;
    w->arg = arg;
    slices_init(&w->slices, loop, SLICE_US, step, w);
    ev_timer_init(&w->minute, on_minute, MINUTE_S, MINUTE_S);
    w->minute.data = w;
    ev_timer_start(loop, &w->minute);
    begin(w, false);
    return w;
}

static void walk_free(struct past_walk *w)
{
    ev_timer_stop(w->loop, &w->minute);
    slices_stop(&w->slices);
    free(w);
}

/* Returns the name of a backend without the address that the log adds: "http://h at 192.0.2.1:80".
 */
static struct span name_of(struct span text)
{
    const char *at = memmem(text.ptr, text.len, " at ", 4);

    return at == NULL || memmem(text.ptr, text.len, "://", 3) == NULL
               ? text
               : (struct span){text.ptr, (size_t)(at - text.ptr)};
}

static struct span backend_of(const struct log_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name != NULL && strcmp(fields[i].name, "backend") == 0)
            return name_of(fields[i].text);
    }
    return SPAN("");
}

static void see(void *arg, enum log_level level, const char *event, const struct log_field *fields,
                size_t count)
{
    struct past *p = arg;
    const uint64_t now_ms = clock_now_ms();

    warning_ring_add(&p->warnings, now_ms, level, event, fields, count);
    if (strcmp(event, "backend_failed") == 0)
        outages_failed(&p->outages, backend_of(fields, count), now_ms);
    if (strcmp(event, "backend_recovered") == 0)
        outages_recovered(&p->outages, backend_of(fields, count), now_ms);
}

struct past *past_new(struct ev_loop *loop, monitor_view_fn *view, void *arg)
{
    struct past *p = xcalloc(1, sizeof(*p));

    p->history = history_new();
    outages_init(&p->outages);
    p->observer = (struct log_observer){see, p};
    p->log = view(arg).log;
    p->log->observer = &p->observer;
    p->walk = walk_new(p, loop, view, arg);
    return p;
}

void past_free(struct past **ppast)
{
    struct past *p = *ppast;

    if (p == NULL)
        return;
    *ppast = NULL;
    p->log->observer = NULL;
    walk_free(p->walk);
    history_free(&p->history);
    outages_deinit(&p->outages);
    free(p);
}

time_t past_time_of(uint64_t at_ms)
{
    const uint64_t ago_ms = clock_now_ms() - at_ms;
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (time_t)(((uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 - ago_ms) /
                    1000);
}

void past_restart(struct past *p)
{
    if (p->walk->is_on) {
        p->walk->at = 0; /* no second minute ends for the tables that were seen already */
        outages_begin(&p->outages);
    } else {
        begin(p->walk, false);
    }
}
