/* coprocess.c - the life of a co-process:
 *
 *          start()            it closed its output or input
 *   NEW ----------> RUNNING --------------------------------> ENDING
 *                    ^   |\                                    |   |
 *              pause |   | \  bad line, or give_up()           |   | END_MS have passed
 *              is    |   |  +------------------> REPORTED <----+---+
 *              over  |   | it has ended              |         |
 *                    |   v                           v         v
 *                    PAUSED <---------- it has ended ----------+
 *
 * coprocess_release() frees a co-process that is NEW or PAUSED. In the other states it becomes
 * RELEASED, and is freed when its process has ended. */
#include "podop/coprocess.h"

#include "child_process.h"

#include "podop/clock.h"
#include "podop/deadline.h"
#include "podop/list.h"
#include "podop/mem.h"

#include <ev.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

enum {
    PAUSE_MIN_MS = 1000, /* before it is started again; doubled each time */
    PAUSE_MAX_MS = 30 * 1000,
    STEADY_MS = 30 * 1000,  /* after it has run for this long, the pause is PAUSE_MIN_MS again */
    RELEASED_MS = 5 * 1000, /* until one that was released is killed */
    STOP_MS = 1000,         /* the same, for all of them, when podop ends */
    KILLED_MS = 1000,       /* the longest wait for those that were killed then */
    END_MS = 100,           /* how long it may take to end after it closed its output or input */
};

enum coprocess_state {
    COPROCESS_NEW,      /* never started */
    COPROCESS_RUNNING,  /* it serves */
    COPROCESS_ENDING,   /* it closed its output or input; its exit status is awaited */
    COPROCESS_REPORTED, /* it is killed, and the owner has been called */
    COPROCESS_RELEASED, /* it has no owner */
    COPROCESS_PAUSED,   /* it has ended, and is started again at the deadline */
};

struct coprocess {
    struct coprocesses *all;
    struct list_node node; /* in all->list */
    enum coprocess_state state;
    const struct coprocess_events *events;
    void *arg;
    char *name;
    const char *path;
    char *const *argv;
    struct child_process child;
    /* ENDING, RELEASED: until it is killed. PAUSED: until it is started */
    struct deadline deadline;
    uint64_t started_at_ms;
    uint32_t pause_ms; /* the next one */
};

struct coprocesses {
    struct ev_loop *loop;
    struct log *log;
    struct list list;
};

static void free_now(struct coprocess *c)
{
    deadline_stop(&c->deadline);
    list_remove(&c->node);
    free(c->name);
    free(c);
}

static void set_deadline(struct coprocess *c, uint32_t ms)
{
    deadline_start_in(&c->deadline, c->all->loop, ms);
}

/* Deaths */

static void begin_pause(struct coprocess *c)
{
    if (clock_now_ms() - c->started_at_ms >= STEADY_MS)
        c->pause_ms = PAUSE_MIN_MS;
    c->state = COPROCESS_PAUSED;
    set_deadline(c, c->pause_ms);
    c->pause_ms = c->pause_ms > PAUSE_MAX_MS / 2 ? PAUSE_MAX_MS : c->pause_ms * 2;
}

/* Calls the owner, which may release c. */
static void report_death(struct coprocess *c, const char *reason)
{
    c->events->died(c->arg, span_of(reason), span_of(c->child.stderr_log.last));
}

static void kill_for(struct coprocess *c, const char *reason)
{
    c->state = COPROCESS_REPORTED;
    child_process_end_service(&c->child);
    child_process_kill(&c->child);
    report_death(c, reason);
}

void coprocess_give_up(struct coprocess *c, const char *reason)
{
    if (c->state == COPROCESS_RUNNING)
        kill_for(c, reason);
}

static void on_broken(struct child_process *child, const char *reason)
{
    struct coprocess *c = CONTAINER_OF(child, struct coprocess, child);

    if (reason != NULL) {
        kill_for(c, reason);
        return;
    }
    c->state = COPROCESS_ENDING;
    child_process_end_service(child);
    set_deadline(c, END_MS);
}

static void describe(char *text, size_t size, int status)
{
    const int number = WIFSIGNALED(status) ? WTERMSIG(status) : 0;

    if (number != 0)
        snprintf(text, size, "it was killed by signal %d (%s)", number, strsignal(number));
    else
        snprintf(text, size, "it ended with status %d", WEXITSTATUS(status));
}

static void on_ended(struct child_process *child, int status)
{
    struct coprocess *c = CONTAINER_OF(child, struct coprocess, child);
    const enum coprocess_state before = c->state;
    char reason[100];

    if (before == COPROCESS_RELEASED) {
        free_now(c);
        return;
    }
    describe(reason, sizeof(reason), status);
    begin_pause(c);
    if (before != COPROCESS_REPORTED)
        report_death(c, reason);
}

static void on_deadline(void *arg)
{
    struct coprocess *c = arg;

    if (c->state == COPROCESS_PAUSED)
        coprocess_start(c);
    else if (c->state == COPROCESS_ENDING)
        kill_for(c, "it closed its input or its output");
    else
        child_process_kill(&c->child);
}

/* Lines */

static bool on_line(struct child_process *child, struct span line, struct error *err)
{
    struct coprocess *c = CONTAINER_OF(child, struct coprocess, child);

    return c->events->line(c->arg, line, err);
}

bool coprocess_send(struct coprocess *c, struct span lines)
{
    return child_process_send(&c->child, lines);
}

uint64_t coprocess_queued(const struct coprocess *c)
{
    return c->child.out.queued;
}

uint64_t coprocess_written(const struct coprocess *c)
{
    return c->child.out.written;
}

/* Start and release */

struct coprocess *coprocess_new(struct coprocesses *all, const struct coprocess_config *config,
                                const struct coprocess_events *events, void *arg)
{
    static const struct child_events child_events = {on_line, on_broken, on_ended};
    struct coprocess *c = xcalloc(1, sizeof(*c));

    c->all = all;
    list_prepend(&all->list, &c->node);
    c->events = events;
    c->arg = arg;
    c->name = xstrdup(config->name);
    c->path = config->path;
    c->argv = config->argv;
    c->pause_ms = PAUSE_MIN_MS;
    child_process_init(&c->child, all->loop, all->log, c->name, config->line_max, &child_events);
    deadline_init(&c->deadline, on_deadline, c);
    return c;
}

void coprocess_start(struct coprocess *c)
{
    struct error err = {0};

    c->started_at_ms = clock_now_ms();
    if (child_process_start(&c->child, c->path, c->argv, &err) == -1) {
        begin_pause(c);
        report_death(c, err.text);
        return;
    }
    c->state = COPROCESS_RUNNING;
    log_info(c->all->log, "program_started", LOG_STR("table", c->name),
             LOG_UINT("pid", (uint64_t)c->child.spawned.pid));
}

void coprocess_release(struct coprocess **pc)
{
    struct coprocess *c = *pc;

    if (c == NULL)
        return;
    *pc = NULL;
    switch (c->state) {
    case COPROCESS_NEW:
    case COPROCESS_PAUSED: free_now(c); return;
    case COPROCESS_RUNNING:
        child_process_discard(&c->child);
        set_deadline(c, RELEASED_MS);
        break;
    case COPROCESS_ENDING:
    case COPROCESS_REPORTED:
    case COPROCESS_RELEASED: break;
    }
    c->state = COPROCESS_RELEASED;
}

bool coprocess_is_running(const struct coprocess *c)
{
    return c->state == COPROCESS_RUNNING;
}

long coprocess_pid(const struct coprocess *c)
{
    return c->state == COPROCESS_RUNNING ? (long)c->child.spawned.pid : 0;
}

/* All of them */

struct coprocesses *coprocesses_new(struct ev_loop *loop, struct log *log)
{
    struct coprocesses *all = xcalloc(1, sizeof(*all));

    all->loop = loop;
    all->log = log;
    list_init(&all->list);
    service_clock_hold(loop);
    return all;
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
    (void)loop; /* it only wakes the loop, and is not active any more */
    (void)w;
    (void)revents;
}

/* Runs the loop until all processes are reaped, or until ms milliseconds have passed. */
static void run_for(struct coprocesses *all, uint32_t ms)
{
    ev_timer limit;

    ev_now_update(all->loop);
    ev_timer_init(&limit, on_limit, ms / 1000.0, 0.0);
    ev_timer_start(all->loop, &limit);
    while (!list_is_empty(&all->list) && ev_is_active(&limit))
        ev_run(all->loop, EVRUN_ONCE);
    ev_timer_stop(all->loop, &limit);
}

void coprocesses_free(struct coprocesses **pall)
{
    struct coprocesses *all = *pall;

    if (all == NULL)
        return;
    *pall = NULL;
    run_for(all, STOP_MS);
    LIST_FOR_EACH (at, &all->list)
        child_process_kill(&CONTAINER_OF(at, struct coprocess, node)->child);
    run_for(all, KILLED_MS);
    LIST_FOR_EACH_SAFE (at, &all->list) { /* SIGKILL has not ended these */
        struct coprocess *c = CONTAINER_OF(at, struct coprocess, node);

        child_process_abandon(&c->child);
        free_now(c);
    }
    service_clock_release(all->loop);
    free(all);
}
