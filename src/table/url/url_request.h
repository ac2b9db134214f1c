/* url_request.h - the parts of an HTTP request that depend on the key. */
#ifndef PODOP_TABLE_URL_URL_REQUEST_H
#define PODOP_TABLE_URL_URL_REQUEST_H

#include "url_base.h"

#include "podop/http.h"

enum {
    /* Keys of 64 KiB, three bytes each on the wire, and a reserve; servers accept much less. */
    URL_TARGET_BYTES_MAX = 256 * 1024,
};

/* Sets *target to the path and query for key at backend, which the caller frees, or to NULL unless
 * the result is URL_TARGET_OK. */
enum url_target url_request_target(const struct url_table *t, const struct url_backend *backend,
                                   const struct table_key *key, char **target);
/* The same for the path of an iteration, whose user is not appended to it. */
enum url_target url_request_path_target(const struct url_table *t,
                                        const struct url_backend *backend,
                                        const struct table_key *path, char **target);
/* Returns "Podop-User: U" for a private key, else NULL. Bytes that a header must not have, and "%",
 * are percent-encoded. Initialises text, which keeps the line; the caller deinitialises text. */
const char *url_request_user_header(const struct table_key *key, struct buf *text);

/* The parts of a lookup or an iteration that depend on its key, besides the target. */
struct url_question {
    struct buf user; /* the header */
    struct buf body; /* empty: it is a GET */
};

/* Returns whether a lookup of the table can contain key: JSON is UTF-8. */
bool url_question_can_hold(const struct url_table *t, const struct table_key *key);
/* Initialises q, and makes request that of a lookup of key: its method, headers and body, which
 * point into q. */
void url_question_init(struct url_question *q, const struct url_table *t,
                       const struct table_key *key, struct http_request *request);
void url_question_deinit(struct url_question *q);

#endif
