/* events.h - the heap of the world's events; kernel.h has the calls that the world uses. */
#ifndef SIM_EVENTS_H
#define SIM_EVENTS_H

#include "kernel.h"

enum { NEVER_NS = -1 };

int64_t events_next_ns(void); /* when the next one is due; NEVER_NS: none waits */

/* Runs all that are due until until_ns, each at its own instant of sim_now(). */
void events_run(int64_t until_ns);

#endif
