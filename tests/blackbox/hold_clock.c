/* hold_clock.c - for LD_PRELOAD: a monotonic clock that stands still until a test lets time pass.
 *
 * The file HELD_CLOCK_FILE has two numbers of 64 bits: the milliseconds that the test has granted,
 * and those that have passed. Time passes only while the process waits for events and none comes,
 * so that no timeout depends on how fast the machine is. The wall clock stays as it is. */
#define _GNU_SOURCE

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum {
    LOOK_MS = 5,  /* how often a waiting process looks for granted time */
    QUIET_MS = 1, /* a process without an event for so long has nothing to do */
    NS_PER_S = 1000000000,
    NS_PER_MS = 1000000,
    NS_PER_TURN = 1000,
};

struct held_clock {
    _Atomic int64_t granted_ms; /* written by the test */
    _Atomic int64_t passed_ms;
};

static struct held_clock *held; /* NULL: the clock runs */
static struct timespec begun;   /* what the clock said when it was stopped */
static _Atomic int64_t
    turns; /* waits that did not wait: a loop that is due expects some time to pass */

static int read_clock(clockid_t clock, struct timespec *now)
{
    return (int)syscall(SYS_clock_gettime, clock, now);
}

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("HELD_CLOCK_FILE");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *map;

    if (fd == -1)
        return;
    unsetenv("HELD_CLOCK_FILE"); /* the clocks of children run */
    map = mmap(NULL, sizeof(*held), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    read_clock(CLOCK_MONOTONIC, &begun);
    if (map != MAP_FAILED)
        held = map;
}

static void add_ns(struct timespec *to, int64_t ns)
{
    ns += to->tv_nsec;
    to->tv_sec += ns / NS_PER_S;
    to->tv_nsec = ns % NS_PER_S;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
    if (held == NULL || (clock != CLOCK_MONOTONIC && clock != CLOCK_MONOTONIC_COARSE))
        return read_clock(clock, now);
    *now = begun;
    add_ns(now, atomic_load(&held->passed_ms) * NS_PER_MS + atomic_load(&turns) * NS_PER_TURN);
    return 0;
}

/* Waits on the clock that runs, for as long as the caller meant. Every condition of podop is on the
 * monotonic clock. */
int pthread_cond_timedwait(pthread_cond_t *restrict condition, pthread_mutex_t *restrict mutex,
                           const struct timespec *restrict at)
{
    struct timespec said, now, end = *at;

    clock_gettime(CLOCK_MONOTONIC, &said);
    read_clock(CLOCK_MONOTONIC, &now);
    end.tv_sec += now.tv_sec - said.tv_sec;
    if ((end.tv_nsec += now.tv_nsec - said.tv_nsec) < 0) {
        end.tv_nsec += NS_PER_S;
        end.tv_sec--;
    }
    add_ns(&end, 0);
    return pthread_cond_clockwait(condition, mutex, CLOCK_MONOTONIC, &end);
}

static int wait_really(int fd, struct epoll_event *events, int room, int timeout_ms)
{
    return (int)syscall(SYS_epoll_pwait, fd, events, room, timeout_ms, NULL, 0);
}

int epoll_wait(int fd, struct epoll_event *events, int room, int timeout_ms)
{
    if (timeout_ms == 0)
        atomic_fetch_add(&turns, 1);
    if (held == NULL || timeout_ms == 0)
        return wait_really(fd, events, room, timeout_ms);
    do {
        const int64_t left_ms = atomic_load(&held->granted_ms) - atomic_load(&held->passed_ms);
        const int number = wait_really(fd, events, room, left_ms > 0 ? QUIET_MS : LOOK_MS);

        if (number != 0)
            return number;
        if (left_ms > 0 && timeout_ms > 0) {
            const int ms = left_ms < timeout_ms ? (int)left_ms : timeout_ms;

            atomic_fetch_add(&held->passed_ms, ms);
            timeout_ms -= ms;
        }
    } while (timeout_ms != 0);
    return 0;
}
