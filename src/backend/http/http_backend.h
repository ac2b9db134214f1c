/* http_backend.h - the backends of the HTTP client. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_BACKEND_H
#define PODOP_BACKEND_HTTP_HTTP_BACKEND_H

#include "http_types.h"

/* Adds the host to the backend that it is a part of, which begins with its first host and ends with
 * its last one. */
void http_backend_join(struct http *http, struct http_host *host);
void http_backend_leave(struct http *http, struct http_host *host);

#endif
