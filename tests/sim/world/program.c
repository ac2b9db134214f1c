#include "program.h"

#include "program_state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

const char *const program_fault_names[PROGRAM_FAULTS] = {
    [PROGRAM_WELL] = "well",           [PROGRAM_TEMPORARY] = "temporary",
    [PROGRAM_UNCERTAIN] = "uncertain", [PROGRAM_HANG] = "program hangs",
    [PROGRAM_LATE] = "program late",   [PROGRAM_DIES] = "program dies",
    [PROGRAM_GARBAGE] = "no answer",   [PROGRAM_STRANGER] = "an answer to nothing",
};

/* An answer that is written later. */
struct late_answer {
    struct list_node node;
    struct worker *worker;
    struct sim_event event;
    const struct truth_key *hung;
    size_t len;
    char text[];
};

static const int64_t MS = 1000000;
enum { EXIT_1 = 0x100 };

/* Processes */

static void late_free(struct late_answer *late)
{
    if (late->hung != NULL)
        judge_harm_over(late->worker->program->scene, late->hung);
    sim_event_stop(&late->event);
    list_remove(&late->node);
    free(late);
}

static void worker_free(struct worker *w)
{
    struct list_node *node;

    while ((node = list_first(&w->answers)) != NULL)
        late_free(CONTAINER_OF(node, struct late_answer, node));
    program_forget(w);
    sim_event_stop(&w->event);
    list_remove(&w->node);
    buf_deinit(&w->in);
    buf_deinit(&w->out);
    free(w);
}

static void write_late(void *arg)
{
    struct late_answer *late = arg;

    if (late->worker->program->is_frozen) {
        sim_event_in(&late->event, 10 * MS);
        return;
    }
    worker_write(late->worker, (struct span){late->text, late->len});
    late_free(late);
}

void worker_answer(struct worker *w, struct span text, int64_t ns, const struct truth_key *hung)
{
    struct late_answer *late;

    if (ns == 0 && hung == NULL) {
        worker_write(w, text);
        return;
    }
    late = xcalloc(1, sizeof(*late) + text.len);
    late->worker = w;
    late->hung = hung;
    late->len = text.len;
    memcpy(late->text, text.ptr, text.len);
    list_append(&w->answers, &late->node);
    sim_event_init(&late->event, write_late, late);
    if (hung != NULL)
        judge_harm(w->program->scene, hung, JUDGE_HARM_HANG);
    if (ns != INT64_MAX)
        sim_event_in(&late->event, ns);
}

static void write_more(struct worker *w)
{
    if (w->out.len > 0)
        buf_drop(&w->out, sim_process_write(w->process, w->out.ptr, w->out.len));
    if (w->out.len > 0)
        sim_event_in(&w->event, MS);
}

void worker_write(struct worker *w, struct span bytes)
{
    if (w->is_ending)
        return;
    buf_add(&w->out, bytes);
    if (w->out.len == bytes.len)
        write_more(w);
}

void worker_end(struct worker *w, int status)
{
    w->is_ending = true;
    w->status = status;
    sim_event_in(&w->event, 0);
}

static void read_lines(struct worker *w)
{
    size_t used = 0;

    while (!w->is_ending && used < w->in.len) {
        const char *end = memchr(w->in.ptr + used, '\n', w->in.len - used);
        struct span line;

        if (end == NULL)
            break;
        line = (struct span){w->in.ptr + used, (size_t)(end - w->in.ptr) - used};
        used += line.len + 1;
        program_serve(w, line);
    }
    buf_drop(&w->in, used);
}

static void act(void *arg)
{
    struct worker *w = arg;
    struct sim_process *process = w->process;
    const int status = w->status;

    if (w->is_ending) {
        w->program->figures.deaths += status != 0;
        worker_free(w);
        sim_process_set(process, NULL); /* podop may have killed it at the same moment */
        sim_process_exit(process, status);
        return;
    }
    if (w->program->is_frozen)
        return;
    write_more(w);
    read_lines(w);
}

static int started(void *arg, struct sim_process *process, char *const argv[])
{
    struct program *p = arg;
    struct worker *w;

    (void)argv;
    if (p->start_error != 0)
        return p->start_error;
    w = xcalloc(1, sizeof(*w));
    w->program = p;
    w->process = process;
    buf_init(&w->in, BUF_LIMITED_BY_INPUT);
    buf_init(&w->out, BUF_LIMITED_BY_INPUT);
    list_init(&w->answers);
    list_init(&w->iterations);
    sim_event_init(&w->event, act, w);
    list_append(&p->workers, &w->node);
    sim_process_set(process, w);
    p->figures.starts++;
    return 0;
}

static size_t input(void *arg, struct sim_process *process, const char *bytes, size_t len)
{
    struct worker *w = sim_process_data(process);

    (void)arg;
    if (w == NULL)
        return len;
    buf_add(&w->in, (struct span){bytes, len});
    if (!w->is_ending)
        sim_event_in(&w->event, 0);
    return len;
}

static void input_end(void *arg, struct sim_process *process)
{
    struct program *p = arg;
    struct worker *w = sim_process_data(process);

    if (w != NULL && !w->is_ending && !sim_chance(&p->random, 0.05)) /* else podop has to kill it */
        worker_end(w, 0);
}

static void killed(void *arg, struct sim_process *process)
{
    struct program *p = arg;
    struct worker *w = sim_process_data(process);

    if (w == NULL)
        return;
    p->figures.deaths++;
    judge_program_died(p->scene);
    worker_free(w);
    sim_process_set(process, NULL);
}

/* The program */

static void start_over(void *arg)
{
    struct program *p = arg;

    if (p->start_error != 0)
        judge_back(p->scene, JUDGE_REFUSED);
    p->start_error = 0;
}

static void thaw(void *arg)
{
    struct program *p = arg;

    if (!p->is_frozen)
        return;
    p->is_frozen = false;
    judge_back(p->scene, JUDGE_SILENT);
    for (struct list_node *node = list_first(&p->workers); node != NULL;
         node = list_next(&p->workers, node))
        sim_event_in(&CONTAINER_OF(node, struct worker, node)->event, 0);
}

struct program *program_new(const struct scene_backend *backend, struct ledger *ledger)
{
    static const struct sim_program_ops ops = {started, input, input_end, killed};
    struct program *p = xcalloc(1, sizeof(*p));

    p->scene = backend;
    p->ledger = ledger;
    p->truth = judge_store_of(backend);
    p->random = sim_random_of("program");
    list_init(&p->workers);
    sim_event_init(&p->start_end, start_over, p);
    sim_event_init(&p->thaw, thaw, p);
    sim_file_write(backend->address, "#!/bin/false\n",
                   SIM_IN_PLACE); /* podop looks whether it is there */
    if (chmod(backend->address, 0755) == -1)
        abort();
    sim_program(backend->address, &ops, p);
    return p;
}

void program_free(struct program **pprogram)
{
    struct program *p = *pprogram;
    struct list_node *node;

    if (p == NULL)
        return;
    *pprogram = NULL;
    while ((node = list_first(&p->workers)) != NULL)
        worker_free(CONTAINER_OF(node, struct worker, node));
    sim_event_stop(&p->start_end);
    sim_event_stop(&p->thaw);
    free(p);
}

void program_manner(struct program *p, struct program_manner manner)
{
    p->manner = manner;
}

enum program_fault program_fault_of(struct program *p, const struct truth_key *key)
{
    for (size_t i = 0; i < PROGRAM_POISONS_MAX; i++) {
        if (p->poisons[i].key == key && p->poisons[i].until_ns > sim_now())
            return p->poisons[i].fault;
    }
    return PROGRAM_WELL;
}

void program_poison(struct program *p, const struct truth_key *key, enum program_fault fault,
                    int64_t ns)
{
    size_t place = 0;

    for (size_t i = 0; i < PROGRAM_POISONS_MAX; i++) {
        if (p->poisons[i].key == key) {
            place = i;
            break;
        }
        if (p->poisons[i].until_ns < p->poisons[place].until_ns)
            place = i;
    }
    p->poisons[place].key = key;
    p->poisons[place].fault = fault;
    p->poisons[place].until_ns = sim_now() + ns;
}

void program_kill_one(struct program *p)
{
    const size_t count = list_count(&p->workers);
    struct list_node *node = list_first(&p->workers);
    struct worker *w;

    if (count == 0)
        return;
    for (uint64_t i = sim_random(&p->random, count); i > 0; i--)
        node = list_next(&p->workers, node);
    w = CONTAINER_OF(node, struct worker, node);
    if (w->is_ending)
        return;
    judge_program_died(p->scene);
    worker_end(w, sim_chance(&p->random, 0.5) ? EXIT_1 : 9);
}

void program_refuse_start(struct program *p, int error, int64_t ns)
{
    if (p->start_error == 0)
        judge_out(p->scene, JUDGE_REFUSED);
    p->start_error = error;
    sim_event_in(&p->start_end, ns);
}

void program_freeze(struct program *p, int64_t ns)
{
    if (!p->is_frozen)
        judge_out(p->scene, JUDGE_SILENT);
    p->is_frozen = true;
    sim_event_in(&p->thaw, ns);
}

void program_mend(struct program *p)
{
    start_over(p);
    thaw(p);
    memset(p->poisons, 0, sizeof(p->poisons));
    for (struct list_node *node = list_first(&p->workers); node != NULL;
         node = list_next(&p->workers, node)) {
        struct worker *w = CONTAINER_OF(node, struct worker, node);

        for (struct list_node *late = list_first(&w->answers); late != NULL;
             late = list_next(&w->answers, late)) {
            struct late_answer *answer = CONTAINER_OF(late, struct late_answer, node);

            if (answer->event.place != 0) /* else it hangs for ever */
                sim_event_in(&answer->event, 0);
        }
    }
}

size_t program_processes(const struct program *p)
{
    return list_count(&p->workers);
}

struct program_figures program_figures(const struct program *p)
{
    return p->figures;
}
