/* socket.h - podop's sockets. Each call returns 0 or more, or a negative errno. */
#ifndef SIM_SOCKET_H
#define SIM_SOCKET_H

#include "address.h"
#include "descriptor.h"
#include "stream.h"

#include "podop/list.h"

#include <sys/stat.h>

enum socket_state {
    SOCKET_NEW,
    SOCKET_LISTENING,
    SOCKET_CONNECTING, /* TCP */
    SOCKET_CONNECTED,
    SOCKET_FAILED, /* connect() has */
};

struct socket {
    struct sim_file file;
    int family, type;
    enum socket_state state;
    char local[ADDRESS_BYTES], remote[ADDRESS_BYTES];
    int error;   /* SO_ERROR while there is no end */
    mode_t mode; /* of the file of a unix socket, by fchmod() */
    unsigned user_timeout_ms;
    bool keeps_alive; /* SO_KEEPALIVE, and the seconds and the number of its probes */
    int keep_idle_s, keep_interval_s, keep_count;
    bool is_in_repair;      /* TCP_REPAIR: close() sends nothing */
    struct stream_end *end; /* of a connection */
    /* connecting.c */
    struct sim_event step;
    unsigned attempts;
    int64_t since_ns;
    int result; /* errno of connect(), when the answer has come */
    /* listener.c */
    struct list_node node; /* of listeners, or of datagram sockets */
    struct list backlog;   /* struct waiting */
    size_t waiting, backlog_max;
    dev_t device;
    ino_t inode;
    /* datagram.c */
    struct list datagrams;
};

int socket_open(int family, int type, int protocol); /* a descriptor */
struct socket *socket_of(int fd);                    /* NULL: it is another kind of file, or none */
/* A descriptor for an end that was connected already. Takes the end unless it fails. */
int socket_open_connected(struct stream_end *end, const struct socket *listener, const char *remote,
                          int flags);
void socket_attach(struct socket *socket, struct stream_end *end);
void socket_name(struct socket *socket); /* chooses a local address, if there is none */

int socket_get_name(const struct socket *socket, bool of_peer, struct sockaddr *address,
                    socklen_t *len);
int socket_get_option(struct socket *socket, int level, int name, void *value, socklen_t *len);
int socket_set_option(struct socket *socket, int level, int name, const void *value, socklen_t len);
int socket_shutdown(struct socket *socket, int how);

/* connecting.c */
int socket_connect(struct socket *socket, const struct sockaddr *address, socklen_t len);
void socket_stop_connecting(struct socket *socket);

/* listener.c */
int socket_bind(struct socket *socket, const struct sockaddr *address, socklen_t len);
int socket_listen(struct socket *socket, int backlog);
int socket_accept(struct socket *socket, struct sockaddr *address, socklen_t *len, int flags);
void socket_stop_listening(struct socket *socket);
/* The listening socket of podop at address, or NULL with errno: ENOENT, ECONNREFUSED, EAGAIN. */
struct socket *socket_find_listener(const char *address);
void socket_add_waiting(struct socket *socket, struct stream_end *end, const char *remote);

#endif
