#include "podop/worker.h"

#include "podop/thread.h"

#include <ev.h>

#include <stdlib.h>

struct worker {
    struct ev_loop *loop;
    pthread_t thread;
    bool has_thread;
    ev_async ended; /* sent after each job; active while jobs are open */
    size_t open;    /* jobs whose done was not called yet; of the loop */
    /* The rest is used under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a job waits, or is_ending was set */
    struct list waiting, finished;
    bool is_ending;
};

static struct worker_job *pop(struct list *list)
{
    return LIST_ENTRY_OR_NULL(list_pop(list), struct worker_job, node);
}

/* Returns the next job, or NULL when the worker ends. */
static struct worker_job *wait_for_job(struct worker *w)
{
    while (!w->is_ending && list_is_empty(&w->waiting))
        pthread_cond_wait(&w->changed, &w->lock);
    return w->is_ending ? NULL : pop(&w->waiting);
}

static void finish_job(struct worker *w, struct worker_job *job)
{
    list_append(&w->finished, &job->node);
    ev_async_send(w->loop, &w->ended);
}

static void *run(void *arg)
{
    struct worker *w = arg;
    struct worker_job *job;

    pthread_mutex_lock(&w->lock);
    while ((job = wait_for_job(w)) != NULL) {
        pthread_mutex_unlock(&w->lock);
        job->run(job);
        pthread_mutex_lock(&w->lock);
        finish_job(w, job);
    }
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

static struct worker_job *take_finished(struct worker *w)
{
    struct worker_job *job;

    pthread_mutex_lock(&w->lock);
    job = pop(&w->finished);
    pthread_mutex_unlock(&w->lock);
    return job;
}

static void call_done(struct worker *w)
{
    struct worker_job *job;

    while ((job = take_finished(w)) != NULL) {
        w->open--;
        job->done(job);
    }
    if (w->open == 0)
        ev_async_stop(w->loop, &w->ended);
}

static void on_ended(struct ev_loop *loop, ev_async *watcher, int revents)
{
    (void)loop;
    (void)revents;
    call_done(watcher->data);
}

struct worker *worker_new(struct ev_loop *loop)
{
    struct worker *w = xcalloc(1, sizeof(*w));

    w->loop = loop;
    ev_async_init(&w->ended, on_ended);
    w->ended.data = w;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->changed, NULL);
    list_init(&w->waiting);
    list_init(&w->finished);
    return w;
}

/* Runs the job now, while the loop waits, because no thread could be created. */
static void run_here(struct worker *w, struct worker_job *job)
{
    job->run(job);
    finish_job(w, job);
}

void worker_add(struct worker *w, struct worker_job *job)
{
    if (w->open++ == 0)
        ev_async_start(w->loop, &w->ended);
    if (!w->has_thread)
        w->has_thread = thread_start(&w->thread, run, w) == 0;
    pthread_mutex_lock(&w->lock);
    if (w->has_thread)
        list_append(&w->waiting, &job->node);
    else
        run_here(w, job);
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

static void join(struct worker *w)
{
    pthread_mutex_lock(&w->lock);
    w->is_ending = true;
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (w->has_thread)
        pthread_join(w->thread, NULL);
}

void worker_free(struct worker **pworker)
{
    struct worker *w = *pworker;

    if (w == NULL)
        return;
    *pworker = NULL;
    join(w);
    list_move_all(&w->finished, &w->waiting);
    call_done(w);
    ev_async_stop(w->loop, &w->ended);
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
