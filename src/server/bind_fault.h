/* bind_fault.h - why a socket cannot be opened, and what to do about it. Private to src/server. */
#ifndef PODOP_SERVER_BIND_FAULT_H
#define PODOP_SERVER_BIND_FAULT_H

#include "podop/error.h"
#include "podop/socket_address.h"

/* Sets err to "WHAT ADDRESS: " and the reason, which is in errno. Returns -1. */
int bind_errno(struct error *err, const char *what, const struct socket_address *at);

#endif
