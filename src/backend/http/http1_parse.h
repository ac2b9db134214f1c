/* http1_parse.h - answers of HTTP/1.1 and 1.0 (RFC 9112), as their bytes come in. Whatever leaves a
 * doubt about where an answer ends is no answer, and so is one with anything before its status
 * line, be it an empty line: that is the rest of something else. Nothing is allocated or copied. */
#ifndef PODOP_BACKEND_HTTP_HTTP1_PARSE_H
#define PODOP_BACKEND_HTTP_HTTP1_PARSE_H

#include "podop/span.h"

#include <stdint.h>

enum {
    HTTP1_HEAD_BYTES_MAX = 128 << 10,  /* of an answer's heads (interim ones count) and trailers */
    HTTP1_CHUNK_LINE_BYTES_MAX = 4096, /* of a chunk's size and extensions */
};

enum http1_event {
    HTTP1_MORE, /* more bytes are wanted, behind those that were not used */
    HTTP1_BODY, /* *body, which points into what came, is a part of the body; call again */
    HTTP1_END,  /* the answer is whole */
    HTTP1_BAD,  /* it never will be; fault says why, without a byte of it */
};

enum http1_state {
    HTTP1_AT_STATUS_LINE,
    HTTP1_AT_FIELD, /* or at the empty line behind them */
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
    unsigned status; /* known with the first HTTP1_BODY, or HTTP1_END */
    const char *fault;
    uint64_t left;     /* bytes of the body or of its chunk */
    size_t head_bytes; /* so far */
    size_t scanned;    /* bytes at the front, known to hold no line feed */
    uint64_t length;
    bool has_length, is_chunked, is_1_0, says_close, says_keep_alive;
    bool may_fold; /* how the last field goes on would mean nothing to us */
};

void http1_start(struct http1 *p); /* before the first byte of an answer */

/* Goes on with in, which begins with what the last call did not use. *used bytes are to be dropped,
 * whatever is returned. After HTTP1_END and HTTP1_BAD nothing is left to call. */
enum http1_event http1_parse(struct http1 *p, struct span in, size_t *used, struct span *body);

bool http1_ends_by_close(
    const struct http1 *p);                    /* the end of the connection ends the answer well */
bool http1_keeps_alive(const struct http1 *p); /* after HTTP1_END: another request may follow */

#endif
