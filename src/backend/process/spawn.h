/* spawn.h - starts a program with nothing of podop's but three pipes. */
#ifndef PODOP_BACKEND_PROCESS_SPAWN_H
#define PODOP_BACKEND_PROCESS_SPAWN_H

#include "podop/error.h"

#include <stdbool.h>
#include <sys/types.h>

struct spawned {
    pid_t pid;        /* also the number of its process group */
    int pidfd;        /* readable once it has ended; it is a zombie until spawn_reap() */
    int in, out, err; /* our ends: its standard input, output and error; they never block */
};

/* Runs argv with path as its program: no other descriptors, signals as a shell has them, a clean
 * environment that tells max_response, "/" as its directory; it dies when podop does. Returns when
 * the program runs: 0, or -1 with ERR_SYSTEM. */
int spawn(struct spawned *spawned, const char *path, char *const argv[], size_t max_response,
          struct error *err);

void spawn_kill(const struct spawned *spawned); /* it and its children, at once */
/* Takes the exit status of what has ended, and ends its children. false: it has not. */
bool spawn_reap(const struct spawned *spawned, int *status);

#endif
