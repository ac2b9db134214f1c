/* program_service.c - what a process of the program answers: podop-program(7). */
#include "buf_print.h"
#include "program_request.h"

#include <string.h>

enum { EXIT_1 = 0x100 };

static void answer_status(struct program_request *r, const char *status, const char *reason)
{
    program_begin_answer(r, status);
    if (reason != NULL)
        buf_print(&r->answer, ", \"reason\": \"%s\"", reason);
    program_end_answer(r);
}

static void answer_get(struct program_request *r)
{
    const struct truth_value *value = truth_now(r->key);

    r->program->figures.gets++;
    if (value == NULL) {
        answer_status(r, "miss", NULL);
        return;
    }
    program_begin_answer(r, "ok");
    buf_print(&r->answer, ", \"value\": ");
    buf_add(&r->answer, (struct span){value->json, value->json_len});
    program_end_answer(r);
}

/* Requests */

/* Fills answer with the right one. */
static void answer_right(struct program_request *r, struct span line, enum ledger_made fate)
{
    if (program_is_text(r->op, "get")) {
        answer_get(r);
    } else if (program_is_text(r->op, "iterate")) {
        program_iterate(r, line);
    } else if (program_is_text(r->op, "more")) {
        program_more(r);
    } else {
        r->program->figures.writes++;
        answer_status(r, program_write(r, line, fate), NULL);
    }
}

static enum ledger_made fate_of(struct program *p, enum program_fault fault)
{
    switch (fault) {
    case PROGRAM_WELL: return LEDGER_MADE;
    case PROGRAM_TEMPORARY: return LEDGER_REFUSED;
    case PROGRAM_LATE: return LEDGER_MADE_LATE;
    case PROGRAM_UNCERTAIN:
    case PROGRAM_HANG:
    case PROGRAM_DIES:
    case PROGRAM_GARBAGE:
    case PROGRAM_STRANGER:
    case PROGRAM_FAULTS: break;
    }
    return sim_chance(&p->random, 0.5) ? LEDGER_MADE_UNSAID : LEDGER_IGNORED;
}

static int64_t latency(struct program *p)
{
    int64_t ns = p->manner.latency_ns;

    if (p->manner.jitter_ns > 0)
        ns += (int64_t)sim_random(&p->random, (uint64_t)p->manner.jitter_ns);
    if (sim_chance(&p->random, p->manner.reorder))
        ns += (int64_t)sim_random(&p->random, 5000000);
    return ns;
}

static void fail(struct program_request *r, const char *status)
{
    judge_harm(r->program->scene, r->key, JUDGE_HARM_STATUS);
    buf_clear(&r->answer);
    answer_status(r, status, "out of order");
    worker_answer(r->worker, (struct span){r->answer.ptr, r->answer.len}, latency(r->program),
                  NULL);
}

/* podop kills the process for it. */
static void offend(struct program_request *r, const char *text)
{
    judge_harm(r->program->scene, r->key, JUDGE_HARM_CUT);
    worker_write(r->worker, span_of(text));
}

static void misbehave(struct program_request *r, enum program_fault fault)
{
    const struct span answer = {r->answer.ptr, r->answer.len};
    struct sim_random *random = &r->program->random;

    switch (fault) {
    case PROGRAM_WELL: worker_answer(r->worker, answer, latency(r->program), NULL); break;
    case PROGRAM_TEMPORARY: fail(r, "temporary"); break;
    case PROGRAM_UNCERTAIN: fail(r, "uncertain"); break;
    case PROGRAM_HANG: worker_answer(r->worker, answer, INT64_MAX, r->key); break;
    case PROGRAM_LATE:
        worker_answer(r->worker, answer, 500000000 + (int64_t)sim_random(random, 8000000000),
                      r->key);
        break;
    case PROGRAM_DIES:
        judge_harm(r->program->scene, r->key, JUDGE_HARM_CUT);
        judge_program_died(r->program->scene);
        worker_end(r->worker, sim_chance(random, 0.5) ? EXIT_1 : 9);
        break;
    case PROGRAM_GARBAGE: offend(r, "Traceback (most recent call last):\n"); break;
    case PROGRAM_STRANGER: offend(r, "{\"id\": 987654321987, \"status\": \"miss\"}\n"); break;
    case PROGRAM_FAULTS: break;
    }
}

/* Returns the key whose fault decides: of a commit, the first that has one. */
static const struct truth_key *faulty_key(struct program_request *r, struct span line,
                                          enum program_fault *fault)
{
    struct program_objects cursor = program_objects(line, r->changes);
    const struct truth_key *key = NULL;
    struct span object;

    *fault = PROGRAM_WELL;
    while (*fault == PROGRAM_WELL && program_next(&cursor, &object)) {
        key = program_store_key(r->program, object);
        *fault = program_fault_of(r->program, key);
    }
    return key;
}

/* podop does not know which key of a transaction is the one that is not answered. */
static void note_others(struct program_request *r, struct span line)
{
    struct program_objects cursor = program_objects(line, r->changes);
    struct span object;

    while (program_next(&cursor, &object)) {
        const struct truth_key *key = program_store_key(r->program, object);

        if (key != r->key)
            judge_harm(r->program->scene, key, JUDGE_HARM_CUT);
    }
}

static void answer_request(struct program_request *r, struct span line)
{
    enum program_fault fault = PROGRAM_WELL;

    if (!program_is_text(r->op, "more"))
        r->key = faulty_key(r, line, &fault);
    r->program->figures.faults[fault]++;
    if (fault == PROGRAM_HANG || fault == PROGRAM_LATE || fault == PROGRAM_DIES)
        note_others(r, line);
    answer_right(r, line, fate_of(r->program, fault));
    misbehave(r, fault);
    if (sim_chance(&r->program->random, r->program->manner.log))
        (void)sim_process_log(r->worker->process, "a line for the log\n", 19);
}

void program_serve(struct worker *w, struct span line)
{
    const struct span table = program_member(line, "table");
    struct program_request r = {.worker = w,
                                .program = w->program,
                                .id = program_member(line, "id"),
                                .op = program_member(line, "op"),
                                .changes = program_member(line, "changes"),
                                .recurse = program_member(line, "recurse"),
                                .values = program_member(line, "values")};

    if (program_is_text(r.op, "cancel"))
        return;
    if (program_is_text(r.op, "stop")) {
        program_stop(&r);
        return;
    }
    r.table = table.len < 2 ? NULL : judge_table(table.ptr + 1, table.len - 2);
    if (r.table == NULL || r.id.len == 0)
        sim_broken("a request that a program cannot understand", "%.*s", (int)line.len, line.ptr);
    buf_init(&r.answer, BUF_LIMITED_BY_INPUT);
    answer_request(&r, line);
    buf_deinit(&r.answer);
}
