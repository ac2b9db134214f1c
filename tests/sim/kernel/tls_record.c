#include "tls_record.h"

#include <string.h>

void tls_record_add(struct buf *out, enum tls_record_type type, struct span payload)
{
    const char header[TLS_HEADER_BYTES] = {(char)type, 3, 3, (char)(payload.len >> 8),
                                           (char)(payload.len & 0xff)};

    buf_add(out, (struct span){header, sizeof(header)});
    buf_add(out, payload);
}

static size_t byte(struct span in, size_t at)
{
    return (unsigned char)in.ptr[at];
}

size_t tls_record_len(struct span in)
{
    size_t payload;

    if (in.len < TLS_HEADER_BYTES)
        return TLS_HEADER_BYTES;
    payload = byte(in, 3) << 8 | byte(in, 4);
    if (byte(in, 0) < TLS_ALERT || byte(in, 0) > TLS_DATA || byte(in, 1) != 3 ||
        payload > TLS_PAYLOAD_BYTES_MAX)
        return 0;
    return TLS_HEADER_BYTES + payload;
}

struct tls_record tls_record_parse(struct span in)
{
    return (struct tls_record){(enum tls_record_type)byte(in, 0),
                               {in.ptr + TLS_HEADER_BYTES, tls_record_len(in) - TLS_HEADER_BYTES}};
}

bool tls_record_is(const struct tls_record *record, enum tls_record_type type, const char *message)
{
    const size_t len = strlen(message);

    return record->type == type && record->payload.len >= len &&
           memcmp(record->payload.ptr, message, len) == 0;
}
