/* seccomp_filter.h - forbids system calls that podop has no use for: to this thread and to the
 * threads and processes that it starts, for ever. */
#ifndef PODOP_SERVER_SECCOMP_FILTER_H
#define PODOP_SERVER_SECCOMP_FILTER_H

#include "podop/error.h"

#include <stdbool.h>

/* Loads the filter, a list of calls that fail with EPERM from now on; all others are allowed.
 * has_programs: programs may be started, and inherit the filter, so it forbids only what no
 * program of a table needs. Returns 0, or -1 when the kernel takes no filter or podop was built
 * without libseccomp. */
int seccomp_filter_load(bool has_programs, struct error *err);

#endif
