/* spawn.h - starts a program that inherits nothing from podop but three pipes. Private to
 * src/backend/process. */
#ifndef PODOP_BACKEND_PROCESS_SPAWN_H
#define PODOP_BACKEND_PROCESS_SPAWN_H

#include "podop/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct spawned {
    pid_t pid;        /* also the number of its process group */
    int pidfd;        /* readable after it has ended; it is a zombie until spawn_reap() */
    int in, out, err; /* our ends of its standard input, output and error; they never block */
};

/* Runs the program at path with the arguments argv: without other descriptors, with default
 * signal handlers, in "/", and with a clean environment, which has max_response as
 * PODOP_MAX_RESPONSE. The program is killed when podop ends. Returns 0 as soon as the program
 * runs, or -1 with ERR_SYSTEM. */
int spawn(struct spawned *spawned, const char *path, char *const argv[], size_t max_response,
          struct error *err);

void spawn_kill(const struct spawned *spawned); /* kills it and its children */
/* Takes the exit status of a process that has ended, and kills its children. Returns false when it
 * has not ended. */
bool spawn_reap(const struct spawned *spawned, int *status);

#endif
