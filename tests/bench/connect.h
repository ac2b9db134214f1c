/* connect.h - connections to the server under measurement. */
#ifndef PODOP_BENCH_CONNECT_H
#define PODOP_BENCH_CONNECT_H

#include "podop/socket_address.h"

/* Opens a non-blocking connection; -1 with errno on failure. */
int bench_connect(const struct socket_address *at);

#endif
