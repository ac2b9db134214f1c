/* kernel_state.h - whether the model has begun. */
#ifndef SIM_KERNEL_STATE_H
#define SIM_KERNEL_STATE_H

#include <stdbool.h>

bool kernel_has_begun(void);

#endif
