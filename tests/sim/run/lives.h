/* lives.h - the lives of podop in a run: its starts and ends, and its log. */
#ifndef SIM_LIVES_H
#define SIM_LIVES_H

#include "../world/world.h"

/* Runs podop again and again, until the phase is WORLD_OVER and it has ended. */
void lives_run(struct world *world);

/* Tells podop to stop, by SIGTERM before its next turn. Does nothing while it does not run. */
void lives_stop(struct world *world);

/* Breaks the run when podop was told to stop long ago and still runs. */
void lives_check_stop(const struct world *world);

#endif
