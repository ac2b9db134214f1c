#include "loop_case.h"

#include "podop/worker.h"

#include <pthread.h>
#include <semaphore.h>

struct test_job {
    struct worker_job job;
    pthread_t ran_in;
    int ran_as;     /* its number among those that ran; 0: it has not run */
    unsigned done;  /* calls of done */
    unsigned again; /* how often done adds it again */
    sem_t *wait;    /* run waits for it; NULL: it does not */
    sem_t *begun;   /* run posts it; NULL: it does not */
};

static struct worker *worker;
static int ran; /* used by one thread at a time */

static void run(struct worker_job *job)
{
    struct test_job *t = CONTAINER_OF(job, struct test_job, job);

    if (t->begun != NULL)
        sem_post(t->begun);
    if (t->wait != NULL)
        sem_wait(t->wait);
    t->ran_in = pthread_self();
    t->ran_as = ++ran;
}

static void done(struct worker_job *job)
{
    struct test_job *t = CONTAINER_OF(job, struct test_job, job);

    t->done++;
    if (t->again > 0) {
        t->again--;
        worker_add(worker, job);
    }
}

static void add(struct test_job *t)
{
    t->job = (struct worker_job){.run = run, .done = done};
    worker_add(worker, &t->job);
}

static void begin(void)
{
    worker = worker_new(loop);
    ran = 0;
}

/* The loop ends by itself when no job is open. */
static void test_jobs_run_in_order(void **state)
{
    struct test_job jobs[3] = {0};

    (void)state;
    begin();
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
        add(&jobs[i]);
    ev_run(loop, 0);
    for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
        assert_int_equal(jobs[i].done, 1);
        assert_int_equal(jobs[i].ran_as, i + 1);
        assert_false(pthread_equal(jobs[i].ran_in, pthread_self()));
    }
    worker_free(&worker);
    assert_null(worker);
    worker_free(&worker);
}

static void test_done_may_add_the_job_again(void **state)
{
    struct test_job t = {.again = 2};

    (void)state;
    begin();
    add(&t);
    ev_run(loop, 0);
    assert_int_equal(t.done, 3);
    assert_int_equal(t.ran_as, 3);
    worker_free(&worker);
}

static void *let_it_go_on(void *arg)
{
    sem_post(arg);
    return NULL;
}

/* The end waits for the job that runs. Of a job that has not begun, only done is called. */
static void test_end(void **state)
{
    struct test_job first = {0}, second = {0};
    sem_t wait, begun;
    pthread_t helper;

    (void)state;
    begin();
    sem_init(&wait, 0, 0);
    sem_init(&begun, 0, 0);
    first.wait = &wait;
    first.begun = &begun;
    add(&first);
    add(&second);
    sem_wait(&begun);
    assert_int_equal(pthread_create(&helper, NULL, let_it_go_on, &wait), 0);
    worker_free(&worker);
    pthread_join(helper, NULL);
    assert_int_equal(first.ran_as, 1);
    assert_int_equal(first.done, 1);
    assert_int_equal(second.done, 1);
    ev_run(loop, 0); /* nothing is left */
    sem_destroy(&wait);
    sem_destroy(&begun);
}

static void test_without_jobs(void **state)
{
    (void)state;
    begin();
    ev_run(loop, 0);
    worker_free(&worker);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_jobs_run_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_done_may_add_the_job_again, setup, teardown),
        cmocka_unit_test_setup_teardown(test_end, setup, teardown),
        cmocka_unit_test_setup_teardown(test_without_jobs, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
