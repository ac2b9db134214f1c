/* coprocess.h - a program that runs beside podop and exchanges lines with it over pipes. It is
 * started, watched, and started again after a pause when it ends. Only coprocesses_free()
 * blocks. No process is left as a zombie. */
#ifndef PODOP_COPROCESS_H
#define PODOP_COPROCESS_H

#include "podop/error.h"
#include "podop/log.h"

struct ev_loop;
struct coprocess;
struct coprocesses; /* all of one server, including released ones that have not ended yet */

enum { COPROCESS_DESCRIPTORS = 4 }; /* file descriptors that podop needs for one co-process */

struct coprocesses *coprocesses_new(struct ev_loop *loop, struct log *log); /* both are borrowed */
/* Runs the loop for up to two seconds, until all processes have ended. All co-processes must
 * have been released, and the loop must not be running. *coprocesses becomes NULL; NULL is fine. */
void coprocesses_free(struct coprocesses **coprocesses);

struct coprocess_config {
    const char *name; /* of the table, for the log; copied */
    const char *path; /* of the program; borrowed until the release, as is argv */
    char *const *argv;
    size_t line_max; /* bytes of a line that the program may write */
};

struct coprocess_events {
    /* Takes a line that the program wrote, without its line feed. Returns false with err set
     * when the line breaks the protocol; the program is killed then. */
    bool (*line)(void *arg, struct span line, struct error *err);
    /* Reports that the program could not be started, has ended, or is about to be killed. It is
     * started again after a pause. last_stderr is the last line of its standard error, for the
     * log only. */
    void (*died)(void *arg, struct span reason, struct span last_stderr);
};

/* Returns a new co-process, never NULL. Nothing runs before coprocess_start(). */
struct coprocess *coprocess_new(struct coprocesses *coprocesses,
                                const struct coprocess_config *config,
                                const struct coprocess_events *events, void *arg);
void coprocess_start(struct coprocess *coprocess); /* died() may be called before this returns */
/* Releases a co-process: no more events come. A running program gets the end of file on its
 * input, and is killed if it has not ended some seconds later. *coprocess becomes NULL; a NULL
 * *coprocess is fine. May be called from within line() and died(). */
void coprocess_release(struct coprocess **coprocess);

bool coprocess_is_running(const struct coprocess *coprocess);
long coprocess_pid(const struct coprocess *coprocess); /* 0 when it is not running */
/* Queues a copy of lines, each with its line feed. Returns false, and queues nothing, when the
 * program reads too slowly. Must only be called while the program is running. */
bool coprocess_send(struct coprocess *coprocess, struct span lines);
/* Return how many bytes were queued for, and written to, the process that runs now. */
uint64_t coprocess_queued(const struct coprocess *coprocess);
uint64_t coprocess_written(const struct coprocess *coprocess);
/* Kills a running program that breaks the protocol or does not answer. died() gets the reason
 * before this returns. */
void coprocess_give_up(struct coprocess *coprocess, const char *reason);

#endif
