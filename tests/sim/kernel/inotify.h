/* inotify.h - inotify(7) of directories, told by files.c what the world has changed in them. */
#ifndef SIM_INOTIFY_H
#define SIM_INOTIFY_H

#include <stdint.h>

/* Each returns 0 or more, or a negative errno. */
int inotify_open(int flags);
int inotify_watch(int fd, const char *path, uint32_t mask);
int inotify_unwatch(int fd, int watch);

void inotify_tell(const char *path, uint32_t event); /* of the file at path, to its directory */

#endif
