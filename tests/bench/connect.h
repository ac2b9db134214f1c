/* connect.h - a connection to the server that is measured. */
#ifndef PODOP_BENCH_CONNECT_H
#define PODOP_BENCH_CONNECT_H

#include "podop/socket_address.h"

/* A non-blocking connection, or -1 with errno. */
int bench_connect(const struct socket_address *at);

#endif
