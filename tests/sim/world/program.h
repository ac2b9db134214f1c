/* program.h - the program of a program table, as podop-program(7) has it. */
#ifndef SIM_PROGRAM_H
#define SIM_PROGRAM_H

#include "../kernel/kernel.h"
#include "../model/judge.h"

struct program;

/* backend->address is its file, which must exist, as podop checks it. */
struct program *program_new(const struct scene_backend *backend, struct ledger *ledger);
void program_free(struct program **program);

struct program_manner {
    int64_t latency_ns, jitter_ns;
    double reorder; /* the share of answers that let others pass */
    double spaced;  /* with blanks and unknown members */
    double log;     /* with a line on standard error */
};
void program_manner(struct program *program, struct program_manner manner);

enum program_fault {
    PROGRAM_WELL,
    PROGRAM_TEMPORARY,
    PROGRAM_UNCERTAIN,
    PROGRAM_HANG,     /* no answer to this request; others are answered */
    PROGRAM_LATE,     /* after some seconds */
    PROGRAM_DIES,     /* the process ends */
    PROGRAM_GARBAGE,  /* a line that is not an answer: podop kills the process */
    PROGRAM_STRANGER, /* an answer to an id that was not asked */
    PROGRAM_FAULTS
};
extern const char *const program_fault_names[PROGRAM_FAULTS];
void program_poison(struct program *program, const struct truth_key *key, enum program_fault fault,
                    int64_t ns);

void program_kill_one(struct program *program); /* a process dies, if one runs */
void program_refuse_start(struct program *program, int error, int64_t ns); /* execve(2) fails */
void program_freeze(struct program *program, int64_t ns); /* nothing is read or answered */
void program_mend(struct program *program);
size_t program_processes(const struct program *program);

struct program_figures {
    uint64_t gets, writes, commits, lists, starts, deaths, faults[PROGRAM_FAULTS];
};
struct program_figures program_figures(const struct program *program);

#endif
