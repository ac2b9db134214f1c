#include "podop/slices.h"

#include "podop/clock.h"

static void on_next_turn(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct slices *s = w->data;
    const uint64_t until_us = clock_now_us() + s->slice_us;

    (void)loop;
    (void)revents;
    do {
        if (!s->step(s->arg))
            return; /* s may have been freed */
    } while (clock_now_us() < until_us);
    slices_start(s);
}

void slices_init(struct slices *s, struct ev_loop *loop, uint32_t slice_us, bool (*step)(void *arg),
                 void *arg)
{
    *s = (struct slices){.loop = loop, .slice_us = slice_us, .step = step, .arg = arg};
    ev_timer_init(&s->next_turn, on_next_turn, 0.0, 0.0);
    s->next_turn.data = s;
}

void slices_start(struct slices *s)
{
    if (ev_is_active(&s->next_turn))
        return;
    ev_timer_set(&s->next_turn, 0.0, 0.0);
    ev_timer_start(s->loop, &s->next_turn);
}

void slices_stop(struct slices *s)
{
    if (s->loop != NULL)
        ev_timer_stop(s->loop, &s->next_turn);
}
