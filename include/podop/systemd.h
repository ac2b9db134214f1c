/* systemd.h - the only door to libsystemd. Without it at build time, or where podop was not started
 * by systemd, nobody is told anything and nothing is handed over. */
#ifndef PODOP_SYSTEMD_H
#define PODOP_SYSTEMD_H

#include <stdbool.h>
#include <stdint.h>

bool systemd_is_built_in(void);

/* A datagram socket that leads to the service manager, which takes what sd_notify(3) describes; it
 * never blocks and is closed on exec. -1: nobody wants to be told. Taken out of the environment, so
 * a second call returns -1. To be called before there are threads. */
int systemd_take_notify_socket(void);

/* How long the service manager waits for WATCHDOG=1; 0: it does not. Taken out of the environment,
 * so a second call returns 0. To be called before there are threads. */
uint64_t systemd_take_watchdog_us(void);

/* The listening descriptors that were handed over, from *first on, each closed on exec, and their
 * names: as many, to be freed one by one and then as a whole. The number of them, which may be 0.
 * Taken out of the environment, so a second call returns 0. To be called before there are threads.
 */
int systemd_take_descriptors(int *first, char ***names);

#endif
