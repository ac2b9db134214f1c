#include "held_clock.h"

enum { STEP_MS = 20, TURNS = 3 };

static double set_forward_s;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
ev_tstamp __real_ev_timer_remaining(struct ev_loop *of, ev_timer *w);
ev_tstamp __wrap_ev_timer_remaining(struct ev_loop *of, ev_timer *w);

ev_tstamp __wrap_ev_timer_remaining(struct ev_loop *of, ev_timer *w)
{
    return __real_ev_timer_remaining(of, w) - set_forward_s;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static void on_poke(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop;
    (void)w;
    (void)revents;
}

/* Runs the loop once, with an event to wake up for. */
static void turn(struct ev_loop *loop)
{
    ev_timer poke;

    ev_timer_init(&poke, on_poke, 0.0, 0.0);
    ev_timer_start(loop, &poke);
    ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &poke);
}

void held_clock_pass_ms(struct ev_loop *loop, unsigned ms)
{
    while (ms > 0) {
        const unsigned step_ms = ms < STEP_MS ? ms : STEP_MS;

        ms -= step_ms;
        set_forward_s += step_ms / 1000.0;
        for (int i = 0; i < TURNS; i++)
            turn(loop);
    }
}
