/* landlock.h - limits the files that the thread, and what it starts, can open; see landlock(7). */
#ifndef PODOP_SERVER_LANDLOCK_H
#define PODOP_SERVER_LANDLOCK_H

#include "podop/error.h"

#include <stdbool.h>

enum landlock_use {
    LANDLOCK_READ,    /* files, and the lists of files of directories */
    LANDLOCK_SOCKETS, /* make, rename and remove unix sockets in a directory */
    LANDLOCK_CHANGE,  /* read and write, make and remove files */
};

/* A set of rules before it is in force. */
struct landlock {
    int abi; /* of the kernel: 0: Landlock is missing, switched off or not built in */
    int fd;  /* -1: none */
};

/* Begins with no rule. With abi 0, the other functions do nothing. */
void landlock_init(struct landlock *rules);
/* Allows a file, or a directory with all below it. Ignores a path that does not exist. Returns
 * whether a rule was added. */
bool landlock_allow(const struct landlock *rules, const char *path, enum landlock_use use);
/* Forbids all other files to this thread and to the threads that it starts, and the execution of
 * programs. It must have set PR_SET_NO_NEW_PRIVS. Returns 0 or -1. */
int landlock_enforce(const struct landlock *rules, struct error *err);
void landlock_deinit(struct landlock *rules);

#endif
