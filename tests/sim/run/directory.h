/* directory.h - the private directory of a run, for sockets and files. */
#ifndef SIM_DIRECTORY_H
#define SIM_DIRECTORY_H

#include <stdint.h>

/* Makes an empty directory and returns its path, which lives until the next call. The name is a
 * part of what happens, so it is the same for each run of a seed, unless two of them run at the
 * same time. Ends the process when that fails. */
const char *directory_make(uint64_t seed);
void directory_remove(const char *path); /* with its files */

#endif
