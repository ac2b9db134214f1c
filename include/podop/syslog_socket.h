/* syslog_socket.h - the logger of this machine, told as syslog(3) tells it, but never waited for.
 * A struct of zeroes is one that is closed. */
#ifndef PODOP_SYSLOG_SOCKET_H
#define PODOP_SYSLOG_SOCKET_H

#include "podop/span.h"

struct syslog_socket {
    const char *path; /* of the logger's datagram socket; NULL: the usual one */
    bool is_open;
    int fd;
};

/* Connects, unless it is. false: no logger is there. */
bool syslog_socket_open(struct syslog_socket *s);
void syslog_socket_close(struct syslog_socket *s); /* one that is closed is fine */

enum syslog_outcome {
    SYSLOG_TAKEN,
    SYSLOG_LOST,   /* the logger is there, and has no room just now */
    SYSLOG_ABSENT, /* there is no logger */
};

/* One message of facility mail, its severity as syslog.h has it; at most SYSLOG_BYTES_MAX of text
 * are sent. Connects again where the logger was restarted. */
enum { SYSLOG_BYTES_MAX = 4096 };
enum syslog_outcome syslog_socket_send(struct syslog_socket *s, int severity, struct span text);

#endif
