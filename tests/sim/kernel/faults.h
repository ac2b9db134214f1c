/* faults.h - failures of system calls, as sim_call_faults() has set them. */
#ifndef SIM_FAULTS_H
#define SIM_FAULTS_H

#include "kernel.h"

enum fault {
    FAULT_WOULD_BLOCK,
    FAULT_INTERRUPTED,
    FAULT_SHORT_COUNT,
    FAULT_SEND_FAILS,
    FAULT_NO_MEMORY,
    FAULT_NO_DESCRIPTOR,
    FAULT_SPURIOUS,
    FAULT_CONNECT_FAILS,
    FAULT_NO_THREAD,
    FAULT_NO_PROCESS,
    FAULT_LATE_THREAD,
    FAULT_COUNT,
};

void faults_begin(void);
bool fault_hits(enum fault fault);     /* whether it happens now */
size_t fault_shorten(size_t len);      /* len, or less with FAULT_SHORT_COUNT, but not 0 */
uint64_t fault_choose(uint64_t bound); /* 0 to bound - 1: which failure, how late */
/* One of the errnos, or 0 when the fault does not happen. */
int fault_error(enum fault fault, const int *errnos, size_t count);

#endif
