/* random.h - the seed, from which the streams of kernel.h are made. */
#ifndef SIM_RANDOM_H
#define SIM_RANDOM_H

#include "kernel.h"

void random_begin(uint64_t seed);

#endif
