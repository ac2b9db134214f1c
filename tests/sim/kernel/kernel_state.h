/* kernel_state.h - whether the model has begun. */
#ifndef SIM_KERNEL_STATE_H
#define SIM_KERNEL_STATE_H

#include <stdbool.h>

extern bool kernel_begun; /* a plain object, because sanitizers ask before they have begun */

static inline bool kernel_has_begun(void)
{
    return kernel_begun;
}

#endif
