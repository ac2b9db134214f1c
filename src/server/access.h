/* access.h - what podop cannot do as the user that it is now, and will have to: read its files anew
 * at a reload, make and remove its sockets. */
#ifndef PODOP_SERVER_ACCESS_H
#define PODOP_SERVER_ACCESS_H

#include "podop/config.h"

/* Reports each as "FILE:LINE: warning: ...". */
void access_check(const struct config *config, config_report_fn *report, void *arg);

#endif
