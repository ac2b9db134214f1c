/* admin.h - the administrator on the control socket: counters, reloads, flushes, explanations. */
#ifndef SIM_ADMIN_H
#define SIM_ADMIN_H

#include "actor.h"

void admin_start(struct world *world);
bool admin_is_done(void); /* nothing is asked */

/* Asks for a reload. done is called unless podop hangs up or is not there. asked_ns: what was
 * written before that is read. */
typedef void admin_reloaded_fn(struct world *world, bool is_ok, int64_t asked_ns);
void admin_reload(struct world *world, admin_reloaded_fn *done);

#endif
