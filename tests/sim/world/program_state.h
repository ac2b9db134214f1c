/* program_state.h - the inside of a program: program.c has its processes and its faults,
 * program_service.c what they answer. */
#ifndef SIM_PROGRAM_STATE_H
#define SIM_PROGRAM_STATE_H

#include "program.h"

#include "podop/buf.h"
#include "podop/list.h"

enum { PROGRAM_POISONS_MAX = 16 };

struct program {
    const struct scene_backend *scene;
    struct ledger *ledger;
    struct truth *truth;
    struct sim_random random;
    struct program_manner manner;
    struct list workers;
    struct {
        const struct truth_key *key;
        enum program_fault fault;
        int64_t until_ns;
    } poisons[PROGRAM_POISONS_MAX];
    int start_error; /* 0: processes can start */
    bool is_frozen;
    struct sim_event start_end, thaw;
    struct program_figures figures;
};

/* A process. */
struct worker {
    struct program *program;
    struct sim_process *process;
    struct list_node node;
    struct buf in, out;     /* lines that were not read, bytes that did not fit yet */
    struct sim_event event; /* reads lines, writes more, or ends */
    struct list answers;    /* that are written later */
    struct list iterations; /* with more rows */
    bool is_ending;
    int status; /* at its end */
};

enum program_fault program_fault_of(struct program *program, const struct truth_key *key);
void worker_write(struct worker *worker, struct span bytes);
void worker_end(struct worker *worker, int status); /* in an event of its own */

/* Writes text, which is an answer with its line feed, after a while; the caller frees text. hung: a
 * key that the judge knows to hang until then, or NULL. */
void worker_answer(struct worker *worker, struct span text, int64_t ns,
                   const struct truth_key *hung);

/* Does what one line asks for. */
void program_serve(struct worker *worker, struct span line);
void program_forget(struct worker *worker); /* the iterations */

#endif
