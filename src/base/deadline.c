#include "podop/deadline.h"

#include "podop/clock.h"
#include "podop/mem.h"

#include <ev.h>

#include <stdlib.h>

enum { FIRST_ROOM = 64 }; /* deadlines */

static const double horizon_s = 1e9;
static const double us_per_s = 1e6;
static const uint64_t beat_us = DEADLINE_BEAT_MS * UINT64_C(1000);

struct service_clock {
    struct ev_loop *loop;
    unsigned holders;
    struct turns turns;
    ev_timer horizon; /* never expires: its remaining time gives the loop's time without a call */
    uint64_t horizon_at_us;
    ev_timer beat;
    bool has_waited;        /* the loop has waited for events since the last turn */
    uint64_t woken_at_us;   /* when beat expires, on the monotonic clock; 0: it is not running */
    struct deadline **heap; /* the next deadline to pass is first */
    size_t count, room;
};

/* The loop's time */

static uint64_t read_us(struct service_clock *c)
{
    return c->horizon_at_us - (uint64_t)(ev_timer_remaining(c->loop, &c->horizon) * us_per_s);
}

static void on_horizon(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)w;
    (void)revents;
}

static void on_beat(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct service_clock *c = w->data;

    (void)loop;
    (void)revents;
    c->woken_at_us = 0;
}

/* Returns when the first deadline must be checked, on the monotonic clock. */
static uint64_t next_us(const struct service_clock *c)
{
    const uint64_t at_us = c->heap[0]->at_ms * 1000 + c->turns.lost_us;
    const bool has_to_wait = c->turns.is_catching_up && at_us < c->turns.caught_up_at_us;

    if (c->heap[0]->at_ms == 0)
        return c->turns.began_us;
    return has_to_wait ? c->turns.caught_up_at_us : at_us;
}

/* Starts the beat timer. libev counts a timer from the beginning of the turn, unless
 * ev_now_update() was called since. */
static void arm(struct service_clock *c)
{
    const uint64_t now_us = read_us(c);
    const uint64_t at_us = next_us(c);
    uint64_t wait_us = at_us > now_us ? at_us - now_us : 0;

    if (wait_us > beat_us)
        wait_us = beat_us;
    ev_timer_stop(c->loop, &c->beat);
    ev_timer_set(&c->beat, (double)wait_us / us_per_s, 0.0);
    ev_timer_start(c->loop, &c->beat);
    c->woken_at_us = now_us + wait_us;
}

/* Turns */

static bool is_first_due(struct service_clock *c)
{
    if (c->count == 0 || c->heap[0]->at_ms > turns_now_ms(&c->turns))
        return false;
    return c->heap[0]->at_ms == 0 || turns_may_judge(&c->turns);
}

/* Calls passed() of each deadline that is due. The callback may start or stop any deadline; one
 * that it makes due waits for the next turn. */
static void judge(struct service_clock *c)
{
    for (size_t left = c->count; left > 0 && is_first_due(c); left--) {
        struct deadline *d = c->heap[0];

        deadline_stop_running(d);
        d->passed(d->arg); /* d may be gone */
    }
}

static void clock_unhold(struct service_clock *c);

/* Calls all pending watchers, as libev's own function does. libev calls this once a turn, and also
 * before the first wait, where no deadline may be checked yet. */
static void on_turn(struct ev_loop *loop)
{
    struct service_clock *c = ev_userdata(loop);

    if (!c->has_waited) {
        ev_invoke_pending(loop);
        return;
    }
    c->holders++;
    c->has_waited = false;
    turns_begin(&c->turns, read_us(c), c->woken_at_us);
    ev_invoke_pending(loop);
    if (is_first_due(c)) {
        judge(c);
        ev_invoke_pending(loop); /* watchers that the deadlines fed */
    }
    if (c->count > 0 && c->woken_at_us == 0)
        arm(c);
    clock_unhold(c);
}

/* Called when the loop has read its clock and is about to wait. */
static void on_wait(struct ev_loop *loop)
{
    struct service_clock *c = ev_userdata(loop);

    c->has_waited = true;
    turns_end(&c->turns, read_us(c));
}

/* The clock */

static struct service_clock *clock_new(struct ev_loop *loop)
{
    struct service_clock *c = xcalloc(1, sizeof(*c));

    c->loop = loop;
    ev_now_update(loop);
    c->turns.began_us = clock_now_us();
    ev_timer_init(&c->horizon, on_horizon, horizon_s, 0.0);
    ev_timer_start(loop, &c->horizon);
    ev_unref(loop); /* this timer must not keep the loop running */
    c->horizon_at_us =
        c->turns.began_us + (uint64_t)(ev_timer_remaining(loop, &c->horizon) * us_per_s);
    ev_init(&c->beat, on_beat);
    c->beat.data = c;
    ev_set_userdata(loop, c);
    ev_set_invoke_pending_cb(loop, on_turn);
    ev_set_loop_release_cb(loop, on_wait, NULL);
    return c;
}

void service_clock_hold(struct ev_loop *loop)
{
    struct service_clock *c = ev_userdata(loop);

    if (c == NULL)
        c = clock_new(loop);
    c->holders++;
}

static void clock_unhold(struct service_clock *c)
{
    struct ev_loop *loop = c->loop;

    if (--c->holders > 0)
        return;
    ev_set_loop_release_cb(loop, NULL, NULL);
    ev_set_invoke_pending_cb(loop, ev_invoke_pending);
    ev_set_userdata(loop, NULL);
    ev_timer_stop(loop, &c->beat);
    ev_ref(loop);
    ev_timer_stop(loop, &c->horizon);
    free(c->heap);
    free(c);
}

void service_clock_release(struct ev_loop *loop)
{
    clock_unhold(ev_userdata(loop));
}

uint64_t service_now_ms(struct ev_loop *loop)
{
    const struct service_clock *c = ev_userdata(loop);

    return c == NULL ? clock_coarse_ms() : turns_now_ms(&c->turns);
}

uint64_t loop_now_ms(struct ev_loop *loop)
{
    const struct service_clock *c = ev_userdata(loop);

    return c == NULL ? clock_coarse_ms() : c->turns.began_us / 1000;
}

uint64_t loop_now_us(struct ev_loop *loop)
{
    const struct service_clock *c = ev_userdata(loop);

    return c == NULL ? clock_now_us() : c->turns.began_us;
}

const struct turns *loop_turns(struct ev_loop *loop)
{
    const struct service_clock *c = ev_userdata(loop);

    return &c->turns;
}

/* Deadlines, in a heap */

static void put(struct service_clock *c, size_t place, struct deadline *d)
{
    c->heap[place - 1] = d;
    d->place = place;
}

static void rise(struct service_clock *c, size_t place, struct deadline *d)
{
    for (; place > 1 && d->at_ms < c->heap[place / 2 - 1]->at_ms; place /= 2)
        put(c, place, c->heap[place / 2 - 1]);
    put(c, place, d);
}

static void sink(struct service_clock *c, size_t place, struct deadline *d)
{
    for (size_t below = 2 * place; below <= c->count; below = 2 * place) {
        if (below < c->count && c->heap[below]->at_ms < c->heap[below - 1]->at_ms)
            below++;
        if (d->at_ms <= c->heap[below - 1]->at_ms)
            break;
        put(c, place, c->heap[below - 1]);
        place = below;
    }
    put(c, place, d);
}

void deadline_stop_running(struct deadline *d)
{
    struct service_clock *c = d->clock;
    struct deadline *last = c->heap[--c->count];
    const size_t place = d->place;

    d->place = 0;
    if (last == d)
        return;
    if (last->at_ms < d->at_ms)
        rise(c, place, last);
    else
        sink(c, place, last);
}

void deadline_init(struct deadline *d, deadline_fn *passed, void *arg)
{
    *d = (struct deadline){.passed = passed, .arg = arg};
}

static void make_room(struct service_clock *c)
{
    if (c->count < c->room)
        return;
    c->room = c->room == 0 ? FIRST_ROOM : c->room * 2;
    c->heap = xrealloc(c->heap, c->room * sizeof(struct deadline *));
}

void deadline_start(struct deadline *d, struct ev_loop *loop, uint64_t at_ms)
{
    struct service_clock *c = ev_userdata(loop);

    deadline_stop(d);
    make_room(c);
    d->clock = c;
    d->at_ms = at_ms;
    rise(c, ++c->count, d);
    if (d->place == 1 && (c->woken_at_us == 0 || next_us(c) < c->woken_at_us))
        arm(c);
}

void deadline_start_in(struct deadline *d, struct ev_loop *loop, uint64_t ms)
{
    deadline_start(d, loop, service_now_ms(loop) + ms);
}

void deadline_end(struct deadline *d, struct ev_loop *loop)
{
    deadline_start(d, loop, 0);
}
