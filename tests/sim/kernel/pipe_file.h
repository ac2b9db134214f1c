/* pipe_file.h - podop's end of a pipe. */
#ifndef SIM_PIPE_FILE_H
#define SIM_PIPE_FILE_H

#include "stream.h"

/* Returns a descriptor, or a negative errno. Takes the end unless it fails. */
int pipe_file_open(struct stream_end *end, int status_flags);
int pipe_open(int ends[2], int flags); /* pipe2(2); 0 or a negative errno */

#endif
