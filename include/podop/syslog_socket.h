/* syslog_socket.h - sends messages to the system logger as syslog(3) does, but never blocks. */
#ifndef PODOP_SYSLOG_SOCKET_H
#define PODOP_SYSLOG_SOCKET_H

#include "podop/span.h"

/* Zero-initialised: closed. */
struct syslog_socket {
    const char *path; /* of the logger's datagram socket; NULL: the system's default */
    bool is_open;
    int fd;
};

/* Connects if not yet connected. Returns false if there is no logger. */
bool syslog_socket_open(struct syslog_socket *s);
void syslog_socket_close(struct syslog_socket *s); /* does nothing if it is closed */

enum syslog_outcome {
    SYSLOG_TAKEN,
    SYSLOG_LOST,   /* the logger's queue is full */
    SYSLOG_ABSENT, /* there is no logger */
};

/* Sends one message of facility mail with a severity of syslog.h. Cuts the text to
 * SYSLOG_BYTES_MAX. Reconnects if the logger was restarted. */
enum { SYSLOG_BYTES_MAX = 4096 };
enum syslog_outcome syslog_socket_send(struct syslog_socket *s, int severity, struct span text);

#endif
