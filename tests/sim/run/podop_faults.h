/* podop_faults.h - what happens to podop itself by the seed: reloads, stops, pauses, steps of the
 * clock, a log that blocks, system calls that fail. */
#ifndef SIM_PODOP_FAULTS_H
#define SIM_PODOP_FAULTS_H

#include "../world/world.h"

void podop_faults_start(struct world *world);
/* Ends all of them. Reloads until podop has the configuration that the scene is now. */
void podop_faults_mend(struct world *world);

#endif
