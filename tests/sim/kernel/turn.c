#include "turn.h"

#include "clock.h"
#include "epoll.h"
#include "events.h"
#include "faults.h"
#include "threads.h"

#include <errno.h>
#include <signal.h>

enum { SIGNALS = 65 };

#define LONELY_NS_MAX INT64_C(86400000000000)

static bool signals[SIGNALS]; /* that were sent and not raised yet */
static bool has_signals;
static bool is_podop_gone; /* between two lives: nothing can pause it */
static sim_event_fn *on_turn;
static void *on_turn_arg;
static uint64_t turns, calls_before, calls_most; /* calls_before: when the turn began */

void sim_on_turn(sim_event_fn *turn, void *arg)
{
    on_turn = turn;
    on_turn_arg = arg;
}

void sim_signal(int number)
{
    sim_trace("signal %d", number);
    signals[number] = true;
    has_signals = true;
}

uint64_t turns_count(void)
{
    return turns;
}

uint64_t turns_longest(void)
{
    return calls_most;
}

static void count_turn(void)
{
    const uint64_t calls = clock_calls() - calls_before;

    turns++;
    if (calls > calls_most)
        calls_most = calls;
}

/* A signal without a handler came after the end of podop's process, and has nobody to go to. */
static bool has_handler(int number)
{
    struct sigaction action;

    return sigaction(number, NULL, &action) == 0 && action.sa_handler != SIG_DFL;
}

static void raise_signals(void)
{
    if (!has_signals)
        return;
    has_signals = false;
    for (int i = 1; i < SIGNALS; i++) {
        if (signals[i] && has_handler(i))
            raise(i);
        signals[i] = false;
    }
}

/* Lets everything act that can now. */
static void act(void)
{
    events_run(clock_present_ns());
    threads_run();
    raise_signals();
}

/* A world without events has forgotten to end the run, or waits for podop in vain. */
static void check_world(bool has_events)
{
    static int64_t lonely_since_ns;

    if (has_events || lonely_since_ns == 0)
        lonely_since_ns = clock_present_ns();
    else if (clock_present_ns() - lonely_since_ns > LONELY_NS_MAX)
        sim_broken("the world has no events", "and podop has run for a day since");
}

/* Lets time pass until the next event or until_ns. Returns false when that is reached. */
static bool pass_time(int64_t until_ns)
{
    const int64_t next_ns = events_next_ns();

    check_world(next_ns != NEVER_NS);
    if (next_ns == NEVER_NS && until_ns == NEVER_NS)
        sim_broken("sleeps for ever", "podop waits for events, and nothing is left to happen");
    if (until_ns != NEVER_NS && (next_ns == NEVER_NS || next_ns > until_ns)) {
        clock_move_to(until_ns);
        return false;
    }
    clock_move_to(next_ns);
    return true;
}

bool turn_idle(int64_t until_ns)
{
    const int64_t next_ns = events_next_ns();
    const bool is_due = next_ns != NEVER_NS && next_ns <= clock_present_ns();
    const uint64_t before = threads_switches();

    if (is_podop_gone)
        clock_drop_pause();
    clock_take_pause();
    act();
    if (is_due || threads_switches() != before)
        return true;
    return pass_time(until_ns);
}

/* Half of the pauses are within the wait, as when the machine stands still. The others interrupt
 * it, as SIGSTOP does, and take place when podop reads its clock right after. */
static bool is_interrupted(void)
{
    if (!clock_has_pause())
        return fault_hits(FAULT_INTERRUPTED);
    if (fault_choose(2) == 0)
        return true;
    clock_take_pause();
    act();
    return false;
}

static void tell_turn(void)
{
    if (on_turn != NULL)
        on_turn(on_turn_arg);
}

static int wait_for_events(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    const int64_t until_ns =
        timeout_ms < 0 ? NEVER_NS : clock_present_ns() + timeout_ms * INT64_C(1000000);
    int ready;

    while (!is_interrupted()) {
        ready = epoll_collect(fd, events, max);
        if (ready != 0 || timeout_ms == 0)
            return ready;
        if (!pass_time(until_ns))
            timeout_ms = 0;
        act();
    }
    return -EINTR;
}

int turn_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
    int ready;

    count_turn();
    act();
    tell_turn();
    ready = wait_for_events(fd, events, max, timeout_ms);
    calls_before = clock_calls();
    return ready;
}

static bool never(void *arg)
{
    (void)arg;
    return false;
}

void sim_run_for(int64_t ns)
{
    is_podop_gone = true;
    threads_wait(never, NULL, clock_present_ns() + ns);
    clock_drop_pause();
    is_podop_gone = false;
    calls_before = clock_calls();
}
