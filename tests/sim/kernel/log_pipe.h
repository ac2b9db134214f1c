/* log_pipe.h - podop's standard error, a pipe that the world reads, or does not. */
#ifndef SIM_LOG_PIPE_H
#define SIM_LOG_PIPE_H

#include "kernel.h"

#include <sys/types.h>

/* Waits while the log is blocked. */
ssize_t log_pipe_write(const void *bytes, size_t len);
bool log_pipe_is_blocked(void);
void log_pipe_leave(void); /* ends the writes that wait, and forgets what they write */

#endif
