/* coprocess.h - a program that runs beside podop and talks in lines: started, watched, and started
 * again after a pause when it dies. Nothing here waits for it, and none is left as a zombie. */
#ifndef PODOP_COPROCESS_H
#define PODOP_COPROCESS_H

#include "podop/error.h"
#include "podop/log.h"

struct ev_loop;
struct coprocess;
struct coprocesses; /* all of one server, also those that nobody uses any more and that still run */

enum { COPROCESS_DESCRIPTORS = 4 }; /* that one of them costs podop */

struct coprocesses *coprocesses_new(struct ev_loop *loop, struct log *log); /* both are borrowed */
/* Everybody has let go of theirs, and the loop does not run: it runs here for as long as they need
 * to end, which is a moment, before they are killed. *coprocesses becomes NULL; NULL is fine. */
void coprocesses_free(struct coprocesses **coprocesses);

struct coprocess_config {
    const char *name; /* of the table, for the log; copied */
    const char *path; /* of the program; borrowed until it is let go of, as is argv */
    char *const *argv;
    size_t line_max; /* bytes of a line that it may write */
};

struct coprocess_events {
    /* It wrote a line, here without its line feed. false: it has lost its senses, as err says; then
     * it is killed. */
    bool (*line)(void *arg, struct span line, struct error *err);
    /* It could not be started, has ended, or is as good as dead. A pause later it is started
     * again. said is what it wrote last to its standard error: for the log only. */
    void (*died)(void *arg, struct span reason, struct span said);
};

/* Nothing runs before coprocess_start(). Never NULL. */
struct coprocess *coprocess_new(struct coprocesses *owner, const struct coprocess_config *config,
                                const struct coprocess_events *events, void *arg);
void coprocess_start(struct coprocess *coprocess); /* died() may run before this returns */
/* No more events. What runs gets the end of file on its input and some seconds to end before it is
 * killed. *coprocess becomes NULL; a NULL *coprocess is fine. May be called from within line(). */
void coprocess_release(struct coprocess **coprocess);

bool coprocess_is_running(const struct coprocess *coprocess);
long coprocess_pid(const struct coprocess *coprocess); /* while it is running; else 0 */
/* Queues bytes, copied, whole lines with their line feeds. false: it reads too slowly, and nothing
 * was queued. Asked only while it is running. */
bool coprocess_send(struct coprocess *coprocess, struct span lines);
/* How many bytes were ever queued for, and written to, the process that runs now. */
uint64_t coprocess_queued(const struct coprocess *coprocess);
uint64_t coprocess_written(const struct coprocess *coprocess);
/* It does not do what it should: it is killed, and died() tells reason before this returns. */
void coprocess_give_up(struct coprocess *coprocess, const char *reason);

#endif
