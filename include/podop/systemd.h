/* systemd.h - the only module that uses libsystemd. Built without it, or when systemd did not start
 * podop, these functions report that there is no service manager. All of them change the
 * environment, so they must be called before podop starts a thread. */
#ifndef PODOP_SYSTEMD_H
#define PODOP_SYSTEMD_H

#include <stdbool.h>
#include <stdint.h>

bool systemd_is_built_in(void);

/* Returns a datagram socket to the service manager for the messages of sd_notify(3). It is
 * non-blocking and close-on-exec. Returns -1 if the service manager expects no messages. Removes
 * the variable from the environment, so a second call returns -1. */
int systemd_take_notify_socket(void);

/* Returns how long the service manager waits for WATCHDOG=1, or 0 if there is no watchdog. Removes
 * the variables from the environment, so a second call returns 0. */
uint64_t systemd_take_watchdog_us(void);

/* Returns the number of listening descriptors that systemd passed. They are numbered from *first on
 * and are close-on-exec. *names has as many strings; the caller frees each and the array. Removes
 * the variables from the environment, so a second call returns 0. */
int systemd_take_descriptors(int *first, char ***names);

#endif
