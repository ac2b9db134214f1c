/* access.h - what podop cannot do as the user that it is now, and will have to: read its files anew
 * at a reload, make and remove its sockets, give them to others. */
#ifndef PODOP_SERVER_ACCESS_H
#define PODOP_SERVER_ACCESS_H

#include "podop/config.h"

/* Reports each as "FILE:LINE: warning: ...". */
void access_check(const struct config *config, config_report_fn *report, void *arg);
/* The same of owners and groups of sockets, which a root that is to become another user can give.
 */
void access_check_owners(const struct config *config, config_report_fn *report, void *arg);

#endif
