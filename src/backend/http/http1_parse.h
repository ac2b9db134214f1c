/* http1_parse.h - an incremental parser of HTTP/1.1 and 1.0 answers (RFC 9112). It rejects an
 * answer whose end is ambiguous, and one with anything before its status line, even an empty
 * line: those bytes would belong to another answer. It allocates and copies nothing. Private to
 * src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP1_PARSE_H
#define PODOP_BACKEND_HTTP_HTTP1_PARSE_H

#include "podop/span.h"

#include <stdint.h>

enum {
    HTTP1_HEAD_BYTES_MAX = 128 << 10,  /* of the head, interim heads and trailers together */
    HTTP1_CHUNK_LINE_BYTES_MAX = 4096, /* of the size and the extensions of a chunk */
    HTTP1_TYPE_BYTES = 128,            /* of a Content-Type, as the next one with its NUL */
    HTTP1_ENCODING_BYTES = 32,
    HTTP1_LOCATION_BYTES = 256,
};

enum http1_event {
    HTTP1_MORE, /* more bytes are needed, after those that were not used */
    HTTP1_BODY, /* *body, which points into the input, is a part of the body; call again */
    HTTP1_END,  /* the answer is complete */
    HTTP1_BAD,  /* it is malformed; fault says how, without a byte of the answer */
};

enum http1_state {
    HTTP1_AT_STATUS_LINE,
    HTTP1_AT_FIELD, /* or at the empty line after the fields */
    HTTP1_IN_LENGTH,
    HTTP1_AT_CHUNK_SIZE,
    HTTP1_IN_CHUNK,
    HTTP1_AT_CHUNK_END,
    HTTP1_AT_TRAILER,
    HTTP1_UNTIL_CLOSE,
    HTTP1_AT_END,
};

struct http1 {
    enum http1_state state;
    unsigned status; /* valid from the first HTTP1_BODY or HTTP1_END on */
    const char *fault;
    uint64_t left;     /* bytes of the body, or of the current chunk, still to come */
    size_t head_bytes; /* so far */
    size_t scanned;    /* bytes at the front that contain no line feed */
    uint64_t length;
    bool has_length, is_chunked, is_1_0, says_close, says_keep_alive;
    bool has_location;
    bool may_fold; /* the last field may continue on the next line, because it is ignored */
    /* What the head says about the body, or "": a list with commas if it says that more than once,
     * and HTTP1_TOO_LONG if there is no room for it. Not cleaned. */
    char content_type[HTTP1_TYPE_BYTES];
    char content_encoding[HTTP1_ENCODING_BYTES]; /* without "identity" */
    char location[HTTP1_LOCATION_BYTES];         /* if has_location; a longer one is cut */
};

#define HTTP1_TOO_LONG "(too long)"

void http1_start(struct http1 *p); /* to be called before each answer */

/* Parses in, which begins with the bytes that the last call did not use. The caller drops *used
 * bytes, whatever is returned. Must not be called after HTTP1_END or HTTP1_BAD. */
enum http1_event http1_parse(struct http1 *p, struct span in, size_t *used, struct span *body);

/* Returns whether the end of the connection, if it comes now, completes the answer. */
bool http1_ends_by_close(const struct http1 *p);
/* Returns whether another request may follow on the connection. To be called after HTTP1_END. */
bool http1_keeps_alive(const struct http1 *p);

#endif
