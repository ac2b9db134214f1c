#include "clock.h"

#include "real.h"

#include <stddef.h>

#define SECOND_NS INT64_C(1000000000)

static int64_t present_ns; /* podop's */
static int64_t event_ns;   /* of the event that runs */
static bool is_in_event;
static int64_t wall_offset_ns; /* the wall clock minus the monotonic one */
static int64_t pause_ns;       /* asked for, not yet taken */
static int64_t call_ns;        /* what a system call takes */
static int64_t
    read_ns; /* what reading the clock takes; work that has a budget of time is divided */
static uint64_t calls;

static const int64_t reads_ns[] = {20, 50, 200, 1000};

void clock_begin(void)
{
    struct sim_random random = sim_random_of("clock");

    present_ns = (int64_t)(1 + sim_random(&random, 1000000)) * SECOND_NS / 10;
    wall_offset_ns = (1750000000 + (int64_t)sim_random(&random, 100000000)) * SECOND_NS;
    call_ns = (int64_t)(100 + sim_random(&random, 3000));
    read_ns = reads_ns[sim_random(&random, sizeof(reads_ns) / sizeof(reads_ns[0]))];
}

int64_t clock_present_ns(void)
{
    return present_ns;
}

int64_t sim_now(void)
{
    return is_in_event ? event_ns : present_ns;
}

int64_t sim_wall_now(void)
{
    return sim_now() + wall_offset_ns;
}

void sim_wall_step(int64_t by_ns)
{
    wall_offset_ns += by_ns;
    sim_trace("the wall clock moves by %lld ms", (long long)(by_ns / 1000000));
}

void sim_pause_podop(int64_t ns)
{
    pause_ns += ns;
}

void clock_move_to(int64_t ns)
{
    if (present_ns < ns)
        present_ns = ns;
}

void clock_spend(void)
{
    calls++;
    present_ns += call_ns;
}

uint64_t clock_calls(void)
{
    return calls;
}

bool clock_has_pause(void)
{
    return pause_ns > 0;
}

void clock_take_pause(void)
{
    if (pause_ns == 0)
        return;
    sim_trace("podop pauses for %lld ms", (long long)(pause_ns / 1000000));
    present_ns += pause_ns;
    pause_ns = 0;
}

void clock_drop_pause(void)
{
    pause_ns = 0;
}

void clock_enter_event(int64_t at_ns)
{
    is_in_event = true;
    event_ns = at_ns;
}

void clock_leave_events(void)
{
    is_in_event = false;
}

static bool is_wall(clockid_t clock)
{
    return clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
}

void clock_read(clockid_t clock, struct timespec *now)
{
    int64_t ns;

    clock_take_pause();
    present_ns += read_ns;
    ns = is_wall(clock) ? present_ns + wall_offset_ns : present_ns;

    *now = (struct timespec){.tv_sec = ns / SECOND_NS, .tv_nsec = ns % SECOND_NS};
}

int64_t clock_real_ns(void)
{
    struct timespec now;

    REAL(clock_gettime)(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * SECOND_NS + now.tv_nsec;
}

int64_t sim_real_now(void)
{
    return clock_real_ns();
}
