/* tls_record.h - records of the modelled TLS, as both ends send them: the header of RFC 8446,
 * section 5.1, and a payload that is not encrypted. A payload of TLS_HANDSHAKE and TLS_ALERT is a
 * text: what the message is about. */
#ifndef SIM_TLS_RECORD_H
#define SIM_TLS_RECORD_H

#include "podop/buf.h"

enum tls_record_type {
    TLS_ALERT = 21,
    TLS_HANDSHAKE = 22,
    TLS_DATA = 23,
};

enum {
    TLS_HEADER_BYTES = 5,
    TLS_PAYLOAD_BYTES_MAX = 16384,
    TLS_RECORD_BYTES_MAX = TLS_HEADER_BYTES + TLS_PAYLOAD_BYTES_MAX,
};

/* Messages. The certificate has words after it: the name, the authority, "valid" or not, and the
 * number of round trips, 1 or 2. */
#define TLS_CLIENT_HELLO "client hello "
#define TLS_CERTIFICATE "certificate "
#define TLS_SERVER_DONE "server done"
#define TLS_FINISHED "finished"
#define TLS_TICKET "new session ticket"
#define TLS_HELLO_REQUEST "hello request"
#define TLS_CLOSE_NOTIFY "close notify"

#define TLS_PUBLIC_AUTHORITY "public-authority" /* that every system knows */

struct tls_record {
    enum tls_record_type type;
    struct span payload;
};

/* Appends a record. The payload has at most TLS_PAYLOAD_BYTES_MAX bytes. */
void tls_record_add(struct buf *out, enum tls_record_type type, struct span payload);

/* How many bytes the first record of in has; with less than a header, those of the header. 0: it is
 * not TLS. */
size_t tls_record_len(struct span in);
/* The first record, of which in has all bytes. */
struct tls_record tls_record_parse(struct span in);
bool tls_record_is(const struct tls_record *record, enum tls_record_type type, const char *message);

#endif
