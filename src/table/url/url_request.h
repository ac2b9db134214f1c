/* url_request.h - the parts of an HTTP request that depend on the key. */
#ifndef PODOP_TABLE_URL_URL_REQUEST_H
#define PODOP_TABLE_URL_URL_REQUEST_H

#include "url_base.h"

enum {
    /* Keys of 64 KiB, three bytes each on the wire, and a reserve; servers accept much less. */
    URL_TARGET_BYTES_MAX = 256 * 1024,
};

/* Sets *target to the path and query for key at backend, which the caller frees, or to NULL unless
 * the result is URL_TARGET_OK. */
enum url_target url_request_target(const struct url_table *t, const struct url_backend *backend,
                                   const struct table_key *key, char **target);
/* Returns "Podop-User: U" for a private key, else NULL. Bytes that a header must not have, and "%",
 * are percent-encoded. Initialises text, which keeps the line; the caller deinitialises text. */
const char *url_request_user_header(const struct table_key *key, struct buf *text);

#endif
