/* access.h - checks whether the current user may do what podop will have to do while it runs: read
 * its files at a reload, run programs, connect to sockets, make and remove its own sockets. */
#ifndef PODOP_SERVER_ACCESS_H
#define PODOP_SERVER_ACCESS_H

#include "podop/config.h"

/* Reports each path that the current user cannot use as "FILE:LINE: warning: ...". */
void access_check(const struct config *config, config_report_fn *report, void *arg);

#endif
