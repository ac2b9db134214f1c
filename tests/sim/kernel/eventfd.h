/* eventfd.h - eventfd(2), by which libev wakes its loop. */
#ifndef SIM_EVENTFD_H
#define SIM_EVENTFD_H

int eventfd_open(unsigned value, int flags);

#endif
