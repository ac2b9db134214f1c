/* tls_client.h - podop's end of a TLS connection, as OpenSSL is below libcurl: it reads and writes
 * the records of a socket that does not block, by the interposed calls, and never more than it can
 * do at once. */
#ifndef SIM_TLS_CLIENT_H
#define SIM_TLS_CLIENT_H

#include "kernel.h"
#include "tls_record.h"

enum tls_want {
    TLS_DONE,
    TLS_WANTS_READ,  /* SSL_ERROR_WANT_READ */
    TLS_WANTS_WRITE, /* SSL_ERROR_WANT_WRITE */
    TLS_FAILED,      /* see reason; errno is that of the socket, if its call has failed */
};

struct tls_client {
    int fd;
    char host[100];   /* the name in the URL */
    struct buf trust; /* CURLOPT_CAINFO_BLOB; empty: the authorities of the system */
    bool accepts_eof; /* SSL_OP_IGNORE_UNEXPECTED_EOF, of OpenSSL 3 */
    bool reads_ahead; /* takes what the socket has, as libcurl 8.2 does, or one record only */
    enum tls_client_state {
        TLS_STARTS,
        TLS_AWAITS_SERVER,
        TLS_AWAITS_FINISHED,
        TLS_OPEN,
        TLS_BROKEN,
    } state;
    bool was_open;       /* the handshake is not the first one: TLS 1.2 */
    bool has_two_rounds; /* the server's Finished comes after the client's: TLS 1.2 */
    bool is_shut;        /* close_notify has arrived: SSL_RECEIVED_SHUTDOWN */
    bool is_at_eof;      /* OpenSSL 1.1: the connection has ended without it */
    struct buf in;       /* of the socket: records that are not whole, or not looked at yet */
    struct buf plain;    /* of the last data record */
    struct buf out;      /* records that the socket has not taken */
    enum tls_want wants; /* of the last call: SSL_want() */
    const char *pending; /* the bytes of a write that is not over */
    size_t pending_len;
    char reason[160];
};

/* Which libraries podop has, by the seed. They differ in what a receive gives at the end of a
 * connection that has no close_notify. */
enum tls_library {
    TLS_OPENSSL_1, /* 1.1.1: no bytes */
    TLS_OPENSSL_3, /* 3.0: an error, or with SSL_OP_IGNORE_UNEXPECTED_EOF as by close_notify */
    TLS_OPENSSL_3_HIDDEN, /* 3.0 below libcurl 7.88, which hides the end from it: no bytes */
};
enum tls_library tls_client_library(void);

/* Borrows fd; copies the certificates of trust, as libcurl does when it connects. The seed chooses
 * how it reads. */
struct tls_client *tls_client_new(int fd, const char *host, struct span trust);
void tls_client_free(struct tls_client **client);

enum tls_want tls_client_handshake(struct tls_client *client);
/* *n is 0 with TLS_DONE at the end of what the peer sends. */
enum tls_want tls_client_read(struct tls_client *client, void *to, size_t max, size_t *n);
/* A write that is not done is to be made again with the same bytes, or more of them. */
enum tls_want tls_client_write(struct tls_client *client, const void *bytes, size_t len, size_t *n);
/* Sends close_notify, if that is possible now. */
void tls_client_shut(struct tls_client *client);

#endif
