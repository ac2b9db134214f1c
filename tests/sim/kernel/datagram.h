/* datagram.h - UDP. */
#ifndef SIM_DATAGRAM_H
#define SIM_DATAGRAM_H

#include "socket.h"

extern const struct file_ops datagram_ops;

void datagram_register(struct socket *socket);
int datagram_connect(struct socket *socket, const struct sockaddr *address, socklen_t len);
/* address NULL: to where the socket is connected. */
ssize_t datagram_send_to(struct socket *socket, const void *bytes, size_t len,
                         const struct sockaddr *address, socklen_t address_len);
ssize_t datagram_receive_from(struct socket *socket, void *to, size_t max, int flags,
                              struct sockaddr *address, socklen_t *address_len);

#endif
