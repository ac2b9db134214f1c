/* http_request.h - reads the requests that podop sends to HTTP backends, and writes answers. */
#ifndef SIM_HTTP_REQUEST_H
#define SIM_HTTP_REQUEST_H

#include "../model/judge.h"

#include "podop/buf.h"

struct sim_random;

/* Returns the length of the request at the front of bytes; 0: its end is missing. A text that podop
 * never sends ends the run. */
size_t http_request_len(struct span bytes);

enum http_verb { HTTP_GET, HTTP_SET, HTTP_UNSET, HTTP_INC, HTTP_COMMIT, HTTP_LIST };

struct http_request {
    enum http_verb verb;
    const struct scene_table *table;
    bool has_other_path;
    struct span host; /* as the header has it, with the port */
    struct buf key;   /* decoded; of a commit, empty */
    struct span body;
    uint64_t number; /* of the transaction; 0: not given */
};

/* Reads a whole request. The body points into bytes; free the request with http_request_deinit().
 */
void http_request_init(struct http_request *request, struct span bytes);
void http_request_deinit(struct http_request *request);

/* One change of a commit, in order. Returns false after the last one. key and value (JSON, NULL for
 * an unset) are valid until the next call; value points into the body. */
struct http_changes {
    struct http_request *request;
    size_t next;
    struct buf key;
};
void http_changes_init(struct http_changes *changes, struct http_request *request);
bool http_changes_next(struct http_changes *changes, enum ledger_kind *kind, struct span *value);
void http_changes_deinit(struct http_changes *changes);

/* How an answer is written. */
struct http_style {
    bool is_chunked, is_spaced, closes;
    bool has_no_length; /* the end of the connection is that of the body */
};

/* Appends an answer. type: of the content, NULL: none. */
void http_answer(struct buf *out, unsigned status, const char *type, struct span body,
                 struct http_style style, struct sim_random *random);

#endif
