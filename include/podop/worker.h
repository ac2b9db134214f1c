/* worker.h - a thread for work that may block, such as reading files. It runs one job after the
 * other; the loop learns of the end of each. The thread begins with the first job. */
#ifndef PODOP_WORKER_H
#define PODOP_WORKER_H

#include "podop/list.h"

struct ev_loop;
struct worker;

/* One piece of work, a member of a struct of its owner. */
struct worker_job {
    struct list_node node;
    /* Runs in the thread, and must touch nothing that another thread may use meanwhile. */
    void (*run)(struct worker_job *job);
    /* Called once from the loop, not before worker_add() returns. May free the job, and may add it
     * again. */
    void (*done)(struct worker_job *job);
};

struct worker *worker_new(struct ev_loop *loop);
/* Adds a job, which must stay until its done is called. */
void worker_add(struct worker *worker, struct worker_job *job);
/* Waits for the job that runs now, then calls done for all jobs: those that have not begun are not
 * run. Their done must add no job. *worker becomes NULL; a NULL *worker is fine. */
void worker_free(struct worker **worker);

#endif
