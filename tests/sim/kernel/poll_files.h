/* poll_files.h - poll(2) of the model's files and of standard error. */
#ifndef SIM_POLL_FILES_H
#define SIM_POLL_FILES_H

#include <poll.h>
#include <stdbool.h>

bool poll_is_modelled(struct pollfd *fds, nfds_t count);
int poll_files(struct pollfd *fds, nfds_t count, int timeout_ms);

#endif
