/* file_fault.h - says why a file cannot be used, also when its permissions are not the reason. */
#ifndef PODOP_FILE_FAULT_H
#define PODOP_FILE_FAULT_H

#include "error.h"

/* Returns what to add to the text of code, an errno of the use of path: the sandbox or a security
 * module refuses what the permissions of the file allow. Otherwise returns "". mode is that of
 * access(2). */
const char *file_denial(int code, const char *path, int mode);

/* Sets ERR_SYSTEM with "PATH: " and the text of errno, after the file could not be read. Returns
 * -1. */
int file_fault(struct error *err, const char *path);

#endif
