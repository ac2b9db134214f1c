/* http_tls.h - TLS settings on a handle of libcurl's. Private to src/backend. */
#ifndef PODOP_BACKEND_HTTP_HTTP_TLS_H
#define PODOP_BACKEND_HTTP_HTTP_TLS_H

#include "podop/http.h"

#include <curl/curl.h>

/* The handle borrows the bytes of tls. */
CURLcode http_tls_set(CURL *easy, const struct http_tls *tls);

/* Whether the end of the connection, which has been read, was the server's word and not anybody's
 * who can cut it: TLS ends with close_notify. false where libcurl's library for TLS cannot tell. */
bool http_tls_has_ended_well(CURL *easy);

#endif
