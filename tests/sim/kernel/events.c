/* events.c - a binary heap; event->place is its index, so that stopping one needs no search. */
#include "events.h"

#include "clock.h"

#include "podop/mem.h"

static struct sim_event **heap; /* from 1 */
static size_t count, room;
static uint64_t last_number;

static bool is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_ns < b->at_ns || (a->at_ns == b->at_ns && a->number < b->number);
}

static void put(size_t place, struct sim_event *event)
{
    heap[place] = event;
    event->place = place;
}

static void rise(size_t place, struct sim_event *event)
{
    for (; place > 1 && is_before(event, heap[place / 2]); place /= 2)
        put(place, heap[place / 2]);
    put(place, event);
}

static void sink(size_t place, struct sim_event *event)
{
    size_t child;

    for (; (child = 2 * place) <= count; place = child) {
        if (child < count && is_before(heap[child + 1], heap[child]))
            child++;
        if (!is_before(heap[child], event))
            break;
        put(place, heap[child]);
    }
    put(place, event);
}

void sim_event_init(struct sim_event *event, sim_event_fn *run, void *arg)
{
    *event = (struct sim_event){.run = run, .arg = arg};
}

void sim_event_stop(struct sim_event *event)
{
    const size_t place = event->place;
    struct sim_event *last;

    if (place == 0)
        return;
    event->place = 0;
    last = heap[count--];
    if (last == event)
        return;
    if (place > 1 && is_before(last, heap[place / 2]))
        rise(place, last);
    else
        sink(place, last);
}

void sim_event_at(struct sim_event *event, int64_t at_ns)
{
    const int64_t now_ns = sim_now();

    sim_event_stop(event);
    event->at_ns = at_ns < now_ns ? now_ns : at_ns;
    event->number = ++last_number;
    if (count + 1 >= room) {
        room = room == 0 ? 64 : 2 * room;
        heap = xreallocarray(heap, room, sizeof(*heap));
    }
    rise(++count, event);
}

void sim_event_in(struct sim_event *event, int64_t ns)
{
    sim_event_at(event, sim_now() + ns);
}

int64_t events_next_ns(void)
{
    return count == 0 ? NEVER_NS : heap[1]->at_ns;
}

void events_run(int64_t until_ns)
{
    while (count > 0 && heap[1]->at_ns <= until_ns) {
        struct sim_event *event = heap[1];

        sim_event_stop(event);
        clock_enter_event(event->at_ns);
        event->run(event->arg);
    }
    clock_leave_events();
}
