/* http_wire.c - bytes over a connection: by its socket, or through TLS, which is libcurl's. */
#include "http_connection.h"

#include "podop/socket_io.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* One record of TLS: of more, OpenSSL does not tell how much had left when it fails, and a server
 * that hung up early would look like one that was never asked. */
enum { TLS_SEND_BYTES_MAX = 16384 };

enum { ALWAYS_FITS_BYTES = 32768 }; /* into the receive buffer of a server */

/* Nothing is acknowledged any more: the host is gone, and its kept connections are dead, too. c may
 * be one of those, and is left to who looked at it. */
static void note_error(struct http_connection *c, int error)
{
    if (error == ETIMEDOUT && c->exchange != NULL)
        http_idle_close_all(c->host);
}

static enum http_moved moved_by_socket(struct http_connection *c, ssize_t n, const char *what)
{
    int error;

    if (n > 0)
        return HTTP_MOVED;
    if (n == 0)
        return HTTP_MOVED_END;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return HTTP_MOVED_NONE;
    error = errno;
    snprintf(c->reason, sizeof(c->reason), "%s: %s", what, strerror(error));
    note_error(c, error);
    return HTTP_MOVED_ERROR;
}

/* libcurl leaves errno as the socket's failure has set it; it is 0 before. */
static enum http_moved moved_by_tls(struct http_connection *c, CURLcode code, size_t n)
{
    const int error = errno;

    if (code == CURLE_AGAIN)
        return HTTP_MOVED_NONE;
    if (code == CURLE_OK)
        return n > 0 ? HTTP_MOVED : HTTP_MOVED_END;
    if (c->reason[0] == '\0')
        snprintf(c->reason, sizeof(c->reason), "%s", curl_easy_strerror(code));
    note_error(c, error);
    return HTTP_MOVED_ERROR;
}

/* Switches TCP_USER_TIMEOUT off for a request that may not fit into the server's buffers. It also
 * ends connections whose peer has no room and acknowledges each probe (Linux 6.1). */
static void allow_pauses(const struct http_connection *c)
{
    const unsigned none = 0;

    setsockopt(c->io.fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &none, sizeof(none));
}

enum http_moved http_wire_receive(struct http_connection *c, char *to, size_t max, size_t *n)
{
    ssize_t got;

    *n = 0;
    if (c->easy != NULL) {
        CURLcode code;

        errno = 0;
        code = curl_easy_recv(c->easy, to, max, n);
        return moved_by_tls(c, code, *n);
    }
    got = socket_recv(c->io.fd, to, max, MSG_DONTWAIT);
    if (got > 0)
        *n = (size_t)got;
    return moved_by_socket(c, got, "Recv failure");
}

enum http_moved http_wire_send(struct http_connection *c, struct span bytes, size_t *n)
{
    ssize_t got;

    *n = 0;
    if (bytes.len > ALWAYS_FITS_BYTES && c->sent == 0)
        allow_pauses(c);
    if (c->easy != NULL) {
        const size_t max = bytes.len < TLS_SEND_BYTES_MAX ? bytes.len : TLS_SEND_BYTES_MAX;
        CURLcode code;

        errno = 0;
        code = curl_easy_send(c->easy, bytes.ptr, max, n);
        return moved_by_tls(c, code, *n);
    }
    got = socket_send(c->io.fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (got > 0)
        *n = (size_t)got;
    return moved_by_socket(c, got, "Send failure");
}

/* TLS has to read: its tickets are no answer. */
bool http_wire_is_silent(struct http_connection *c)
{
    char byte;
    size_t n;

    if (c->easy != NULL)
        return http_wire_receive(c, &byte, 1, &n) == HTTP_MOVED_NONE;
    return socket_recv(c->io.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}
