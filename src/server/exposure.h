/* exposure.h - warns about sockets that other hosts reach and that serve every client, as far as
 * only their addresses tell: those of host names and of systemd. The configuration warns about the
 * others itself. */
#ifndef PODOP_SERVER_EXPOSURE_H
#define PODOP_SERVER_EXPOSURE_H

#include "listeners.h"

/* Reports each such socket as "FILE:LINE: warning: ...". */
void exposure_report(const struct listeners *all, config_report_fn *warn, void *arg);

#endif
