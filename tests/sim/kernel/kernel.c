#include "kernel.h"

#include "clock.h"
#include "descriptor.h"
#include "faults.h"
#include "files.h"
#include "kernel_state.h"
#include "log_pipe.h"
#include "process.h"
#include "random.h"
#include "sanitizer.h"
#include "threads.h"
#include "turn.h"

#include <malloc.h>

#ifdef SIM_HAS_ASAN
size_t __sanitizer_get_current_allocated_bytes(void); /* its header is not packaged with gcc */
#endif

bool kernel_begun;

void sim_begin(uint64_t seed)
{
    random_begin(seed);
    clock_begin();
    faults_begin();
    files_begin();
    kernel_begun = true;
}

void sim_podop_ended(void)
{
    log_pipe_leave();
    processes_reap();
}

static uint64_t allocated(void)
{
#ifdef SIM_HAS_ASAN
    return __sanitizer_get_current_allocated_bytes();
#else
    return mallinfo2().uordblks;
#endif
}

struct sim_usage sim_usage(void)
{
    return (struct sim_usage){.descriptors = descriptors_open(),
                              .processes = processes_count(),
                              .threads = threads_count(),
                              .turns = turns_count(),
                              .calls = clock_calls(),
                              .calls_of_longest_turn = turns_longest(),
                              .allocated = allocated()};
}
