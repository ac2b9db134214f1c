/* admission.h - decides whether a client that has connected may stay, by the setting 'allow'. */
#ifndef PODOP_SERVER_ADMISSION_H
#define PODOP_SERVER_ADMISSION_H

#include "podop/rate_limit.h"
#include "podop/settings.h"

/* The refused clients of one listener. Zero-initialised: none. */
struct admission {
    struct rate_limit limit; /* of the event client_not_allowed */
    uint64_t refused;
};

/* Returns whether the client of the connected socket fd is in listen->allowed. Logs and counts a
 * client that is not; the caller closes fd without a word to it. socket is the address of the
 * listener, for the log. */
bool admission_check(struct admission *admission, const struct listen_config *listen, int fd,
                     const char *socket, struct log *log);

#endif
