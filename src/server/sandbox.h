/* sandbox.h - after the start, gives up what podop has no business with. What a process has given
 * up it cannot take back, so a reload cannot change the sandbox. */
#ifndef PODOP_SERVER_SANDBOX_H
#define PODOP_SERVER_SANDBOX_H

#include "podop/config.h"

/* Zero-initialised: outside. */
struct sandbox {
    bool forbids_programs;
};

/* Enters the sandbox, as far as the kernel and this build can, and logs what holds. Privileges have
 * been dropped, and the process has no other thread. Does nothing if the configuration has
 * sandbox = false. */
void sandbox_enter(struct sandbox *sandbox, const struct config *config, struct log *log);

/* Returns 0, or -1 if the sandbox could not serve the next configuration: it is the first with a
 * table that runs programs, or has another value of 'sandbox'. current is the one in use. */
int sandbox_check(const struct sandbox *sandbox, const struct config *current,
                  const struct config *next, struct error *err);

#endif
