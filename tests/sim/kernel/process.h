/* process.h - processes of programs, as podop's spawn.h starts them. */
#ifndef SIM_PROCESS_H
#define SIM_PROCESS_H

#include "kernel.h"

size_t processes_count(void); /* without zombies */
void processes_reap(void);    /* all zombies, as init does after podop's end */

#endif
