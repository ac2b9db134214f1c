/* http_tls.h - certificates and keys for libcurl. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_TLS_H
#define PODOP_BACKEND_HTTP_HTTP_TLS_H

#include "podop/http.h"

#include <curl/curl.h>

/* Sets the certificates, and that the server's is verified. The handle borrows the bytes of tls. */
CURLcode http_tls_set(CURL *easy, const struct http_tls *tls);

/* Whether the server has ended the connection, with close_notify, and nobody on the way has cut it.
 * To be called after the end has been read. Returns false if libcurl's TLS library cannot tell. */
bool http_tls_has_ended_well(CURL *easy);

#endif
