/* files.h - real files with times of the virtual wall clock. */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include <stddef.h>
#include <sys/stat.h>

void files_begin(void);
/* Returns path, or the one that sim_etc() has put in its place, in buffer. */
const char *files_path(const char *path, char *buffer, size_t size);
/* Puts the virtual times of a regular file in the place of the real ones. */
void files_set_times(struct stat *info);

#endif
