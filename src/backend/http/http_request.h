/* http_request.h - writes requests as they go onto the wire. Headers may contain secrets, so
 * their buffers get all the room they need at once: a buffer that grows leaves a copy of its
 * bytes in freed memory. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_REQUEST_H
#define PODOP_BACKEND_HTTP_HTTP_REQUEST_H

#include "podop/buf.h"
#include "podop/http.h"

#include <curl/curl.h>

/* Initialises head and writes what all requests of a site have in common after the target: the rest
 * of the request line, Host, User-Agent, and the site's headers. */
void http_request_print_head(struct buf *head, CURLU *url, const char *const *headers,
                             size_t header_count);
/* Initialises out and writes a whole request. */
void http_request_print(struct buf *out, struct span site_head, const struct http_request *request);

/* Overwrites and frees a buffer of one of the functions above. */
void http_request_wipe(struct buf *bytes);

#endif
