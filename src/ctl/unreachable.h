/* unreachable.h - why podop cannot be reached, and what to do about it. Private to src/ctl. */
#ifndef PODOP_CTL_UNREACHABLE_H
#define PODOP_CTL_UNREACHABLE_H

#include "podop/error.h"

/* Sets err after a connection to where failed with the errno code. setting is the one of podop.conf
 * that makes such sockets: "listen" or "control". Returns -1. */
int unreachable(struct error *err, const char *where, const char *setting, int code);

#endif
