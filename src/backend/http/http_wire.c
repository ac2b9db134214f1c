#include "http_wire.h"

#include "http_tls.h"

#include "podop/socket_io.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum {
    /* One TLS record. When sending several records fails, OpenSSL does not report how many had
     * been sent, so a request that reached the server would count as not sent. */
    TLS_SEND_BYTES_MAX = 16384,
    ALWAYS_FITS_BYTES = 32768, /* into the receive buffer of any server */
};

static enum http_wire_result failed(int error)
{
    return error == ETIMEDOUT ? HTTP_WIRE_LOST : HTTP_WIRE_FAILED;
}

static enum http_wire_result socket_result(struct http_wire *wire, ssize_t n, const char *what)
{
    int error;

    if (n > 0)
        return HTTP_WIRE_MOVED;
    if (n == 0)
        return HTTP_WIRE_CLOSED;
    if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)
        return HTTP_WIRE_BLOCKED;
    error = errno;
    snprintf(wire->reason, sizeof(wire->reason), "%s: %s", what, strerror(error));
    return failed(error);
}

/* Reads errno, which was 0 before the call and which libcurl leaves as the socket has set it. */
static enum http_wire_result tls_result(struct http_wire *wire, CURLcode code, size_t n)
{
    const int error = errno;

    if (code == CURLE_AGAIN)
        return HTTP_WIRE_BLOCKED;
    if (code == CURLE_OK)
        return n > 0 ? HTTP_WIRE_MOVED : HTTP_WIRE_CLOSED;
    if (wire->reason[0] == '\0')
        snprintf(wire->reason, sizeof(wire->reason), "%s", curl_easy_strerror(code));
    http_tls_add_hint(wire->reason);
    return failed(error);
}

static enum http_wire_result receive_tls(struct http_wire *wire, char *to, size_t max, size_t *n)
{
    CURLcode code;

    errno = 0;
    code = curl_easy_recv(wire->tls, to, max, n);
    return tls_result(wire, code, *n);
}

enum http_wire_result http_wire_receive(struct http_wire *wire, char *to, size_t max, size_t *n)
{
    ssize_t got;

    *n = 0;
    if (wire->tls != NULL) {
        const enum http_wire_result result = receive_tls(wire, to, max, n);

        wire->sends_after_reading = false; /* it can be tried again */
        wire->receives_after_writing =
            result == HTTP_WIRE_BLOCKED && http_tls_waits(wire->tls) == HTTP_TLS_WAITS_TO_WRITE;
        return result;
    }
    got = socket_recv(wire->fd, to, max, MSG_DONTWAIT);
    if (got > 0)
        *n = (size_t)got;
    return socket_result(wire, got, "Recv failure");
}

enum http_wire_result http_wire_send(struct http_wire *wire, struct span bytes, size_t *n)
{
    ssize_t got;

    *n = 0;
    if (wire->tls != NULL) {
        const size_t max = bytes.len < TLS_SEND_BYTES_MAX ? bytes.len : TLS_SEND_BYTES_MAX;
        CURLcode code;

        errno = 0;
        code = curl_easy_send(wire->tls, bytes.ptr, max, n);
        wire->sends_after_reading =
            code == CURLE_AGAIN && http_tls_waits(wire->tls) == HTTP_TLS_WAITS_TO_READ;
        return tls_result(wire, code, *n);
    }
    got = socket_send(wire->fd, bytes.ptr, bytes.len, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (got > 0)
        *n = (size_t)got;
    return socket_result(wire, got, "Send failure");
}

bool http_wire_is_silent(struct http_wire *wire)
{
    char byte;
    size_t n = 0;

    if (wire->tls != NULL) /* bytes on the socket may be session tickets, which TLS has to read */
        return receive_tls(wire, &byte, 1, &n) == HTTP_WIRE_BLOCKED;
    return socket_recv(wire->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == -1 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

/* Since Linux 6.1, TCP_USER_TIMEOUT also ends connections whose peer has no room but acknowledges
 * each probe. */
void http_wire_allow_pauses(const struct http_wire *wire, size_t request_bytes)
{
    const unsigned none = 0;

    if (request_bytes > ALWAYS_FITS_BYTES)
        setsockopt(wire->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &none, sizeof(none));
}

void http_wire_acknowledge(const struct http_wire *wire)
{
    static const int on = 1;

    setsockopt(wire->fd, IPPROTO_TCP, TCP_QUICKACK, &on, sizeof(on));
}
