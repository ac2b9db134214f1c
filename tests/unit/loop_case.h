/* loop_case.h - a test with an event loop of its own, whose service clock is held. */
#ifndef PODOP_TESTS_LOOP_CASE_H
#define PODOP_TESTS_LOOP_CASE_H

#include "unit.h"

#include "podop/deadline.h"

#include <ev.h>

static struct ev_loop *loop;

static int setup(void **state)
{
    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    service_clock_release(loop);
    ev_loop_destroy(loop);
    return 0;
}

#endif
