/* nuisances.h - clients that misbehave: each may do harm to itself only. */
#ifndef SIM_NUISANCES_H
#define SIM_NUISANCES_H

#include "actor.h"

void nuisances_start(struct world *world);

#endif
