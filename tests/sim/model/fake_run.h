/* fake_run.h - a run for tests of the model: a clock that they set, and broken promises that they
 * catch. Gives the three functions of kernel.h that the model calls. */
#ifndef SIM_FAKE_RUN_H
#define SIM_FAKE_RUN_H

#include "../kernel/kernel.h"

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern int64_t fake_now_ns;
extern jmp_buf fake_broken;   /* where sim_broken() jumps to */
extern const char *fake_kind; /* of the last broken promise; NULL: none */

/* Does what, and fails unless it breaks this promise; or, with NULL, unless it breaks none. */
#define ASSERT_BREAKS(kind, what)                                                                  \
    do {                                                                                           \
        fake_kind = NULL;                                                                          \
        if (setjmp(fake_broken) == 0) {                                                            \
            what;                                                                                  \
        }                                                                                          \
        fake_assert_kind(kind, __LINE__);                                                          \
    } while (0)
void fake_assert_kind(const char *kind, int line);

static inline int64_t seconds(double s)
{
    return (int64_t)(s * 1e9);
}

#endif
