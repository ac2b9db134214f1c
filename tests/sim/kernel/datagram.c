/* datagram.c - a datagram arrives whole, later or never. A closed port answers by ICMP, which the
 * next call on a connected socket reports. */
#include "datagram.h"

#include "faults.h"
#include "transcript.h"

#include "podop/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

enum { QUEUE_MAX = 64 }; /* more are dropped, as by a receive buffer that is full */

struct sim_port {
    struct list_node node;
    char address[ADDRESS_BYTES];
    sim_datagram_fn *arrived;
    void *arg;
};

/* On its way, or in the queue of a socket. */
struct datagram {
    struct list_node node;
    struct sim_event arrival;
    char from[ADDRESS_BYTES], to[ADDRESS_BYTES];
    size_t len;
    char bytes[];
};

static struct list sockets = {{&sockets.ring, &sockets.ring}};
static struct list ports = {{&ports.ring, &ports.ring}};

static struct datagram *datagram_new(const char *from, const char *to, const void *bytes,
                                     size_t len, sim_event_fn *arrive)
{
    struct datagram *d = xcalloc(1, sizeof(*d) + len);

    snprintf(d->from, sizeof(d->from), "%s", from);
    snprintf(d->to, sizeof(d->to), "%s", to);
    d->len = len;
    memcpy(d->bytes, bytes, len);
    sim_event_init(&d->arrival, arrive, d);
    return d;
}

/* To podop */

static struct socket *find_socket(const struct datagram *d)
{
    LIST_FOR_EACH (node, &sockets) {
        struct socket *s = CONTAINER_OF(node, struct socket, node);

        if (strcmp(s->local, d->to) == 0 &&
            (s->remote[0] == '\0' || strcmp(s->remote, d->from) == 0))
            return s;
    }
    return NULL;
}

static void arrive_at_podop(void *arg)
{
    struct datagram *d = arg;
    struct socket *s = find_socket(d);

    if (s == NULL || list_count(&s->datagrams) == QUEUE_MAX) {
        transcript_note(d->from, "sent a datagram that is dropped", (int64_t)d->len);
        free(d);
        return;
    }
    transcript_bytes(d->to, "gets", d->bytes, d->len);
    list_append(&s->datagrams, &d->node);
    file_wake(&s->file);
}

void sim_port_send(struct sim_port *port, const char *to, const void *bytes, size_t len,
                   int64_t delay_ns)
{
    struct datagram *d = datagram_new(port->address, to, bytes, len, arrive_at_podop);

    sim_event_in(&d->arrival, delay_ns);
}

/* To the world */

static struct sim_port *find_port(const char *address)
{
    LIST_FOR_EACH (node, &ports) {
        struct sim_port *port = CONTAINER_OF(node, struct sim_port, node);

        if (strcmp(port->address, address) == 0)
            return port;
    }
    return NULL;
}

static void tell_unreachable(const struct datagram *d)
{
    LIST_FOR_EACH (node, &sockets) {
        struct socket *s = CONTAINER_OF(node, struct socket, node);

        if (strcmp(s->local, d->from) == 0 && strcmp(s->remote, d->to) == 0) {
            s->error = ECONNREFUSED;
            file_wake(&s->file);
        }
    }
}

static void arrive_at_port(void *arg)
{
    struct datagram *d = arg;
    struct sim_port *port = find_port(d->to);

    if (port == NULL) {
        transcript_note(d->to, "is a closed port for", (int64_t)d->len);
        tell_unreachable(d);
    } else {
        transcript_bytes(d->to, "gets", d->bytes, d->len);
        port->arrived(port->arg, d->from, d->bytes, d->len);
    }
    free(d);
}

struct sim_port *sim_port_open(const char *address, sim_datagram_fn *arrived, void *arg)
{
    struct sim_port *port = xcalloc(1, sizeof(*port));

    snprintf(port->address, sizeof(port->address), "%s", address);
    port->arrived = arrived;
    port->arg = arg;
    list_append(&ports, &port->node);
    return port;
}

void sim_port_close(struct sim_port **pport)
{
    struct sim_port *port = *pport;

    if (port == NULL)
        return;
    *pport = NULL;
    list_remove(&port->node);
    free(port);
}

/* podop's calls */

void datagram_register(struct socket *s)
{
    list_append(&sockets, &s->node);
}

int datagram_connect(struct socket *s, const struct sockaddr *address, socklen_t len)
{
    if (address->sa_family == AF_UNIX)
        return -ENOENT; /* no log daemon */
    if (address->sa_family != s->family)
        return -EAFNOSUPPORT;
    address_print(address, len, s->remote);
    socket_name(s);
    s->state = SOCKET_CONNECTED;
    return 0;
}

static int take_error(struct socket *s)
{
    const int error = s->error;

    s->error = 0;
    return error;
}

ssize_t datagram_send_to(struct socket *s, const void *bytes, size_t len,
                         const struct sockaddr *address, socklen_t address_len)
{
    char to[ADDRESS_BYTES];
    const int error = take_error(s);
    struct datagram *d;

    if (error != 0)
        return -error;
    if (address == NULL && s->state != SOCKET_CONNECTED)
        return -EDESTADDRREQ;
    if (fault_hits(FAULT_NO_MEMORY))
        return -ENOBUFS;
    if (address != NULL)
        address_print(address, address_len, to);
    socket_name(s);
    d = datagram_new(s->local, address == NULL ? s->remote : to, bytes, len, arrive_at_port);
    sim_event_in(&d->arrival, 0);
    return (ssize_t)len;
}

ssize_t datagram_receive_from(struct socket *s, void *to, size_t max, int flags,
                              struct sockaddr *address, socklen_t *address_len)
{
    const int error = take_error(s);
    struct datagram *d;
    size_t n;

    if (error != 0)
        return -error;
    if (list_is_empty(&s->datagrams) || fault_hits(FAULT_WOULD_BLOCK))
        return -EAGAIN;
    d = CONTAINER_OF(list_first(&s->datagrams), struct datagram, node);
    n = d->len < max ? d->len : max;
    memcpy(to, d->bytes, n);
    if (address != NULL)
        address_copy(d->from, s->family, address, address_len);
    if ((flags & MSG_PEEK) == 0) {
        list_remove(&d->node);
        free(d);
    }
    return (ssize_t)n;
}

static ssize_t receive(struct sim_file *file, void *to, size_t max, int flags)
{
    return datagram_receive_from(CONTAINER_OF(file, struct socket, file), to, max, flags, NULL,
                                 NULL);
}

static ssize_t send_bytes(struct sim_file *file, const void *bytes, size_t len)
{
    return datagram_send_to(CONTAINER_OF(file, struct socket, file), bytes, len, NULL, 0);
}

static uint32_t events(struct sim_file *file)
{
    const struct socket *s = CONTAINER_OF(file, struct socket, file);

    return EPOLLOUT | EPOLLWRNORM | (s->error != 0 ? EPOLLERR : 0U) |
           (list_is_empty(&s->datagrams) ? 0U : EPOLLIN | EPOLLRDNORM);
}

static void free_socket(struct sim_file *file)
{
    struct socket *s = CONTAINER_OF(file, struct socket, file);

    list_remove(&s->node);
    while (!list_is_empty(&s->datagrams))
        free(CONTAINER_OF(list_pop(&s->datagrams), struct datagram, node));
    free(s);
}

const struct file_ops datagram_ops = {.name = "UDP",
                                      .may_be_spurious = true,
                                      .receive = receive,
                                      .send = send_bytes,
                                      .events = events,
                                      .free = free_socket};
