/* call.h - how an interposed function ends. */
#ifndef SIM_CALL_H
#define SIM_CALL_H

#include <errno.h>
#include <sys/types.h>

/* Returns a result of the model as libc does: -1 with errno instead of a negative errno. */
static inline ssize_t call_result(ssize_t result)
{
    if (result >= 0)
        return result;
    errno = (int)-result;
    return -1;
}

#endif
