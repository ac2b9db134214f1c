/* files.h - real files with times of the virtual wall clock. */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include <sys/stat.h>

void files_begin(void);
/* Puts the virtual times of a regular file in the place of the real ones. */
void files_set_times(struct stat *info);

#endif
