/* http_tls.h - certificates and keys for libcurl. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_TLS_H
#define PODOP_BACKEND_HTTP_HTTP_TLS_H

#include "podop/http.h"

#include <curl/curl.h>

/* Sets the certificates, and turns on the verification of the server's. The handle borrows the
 * bytes of tls. */
CURLcode http_tls_set(CURL *easy, const struct http_tls *tls);

/* Appends to the reason of a failure what to do about it, once, if that is known. */
void http_tls_add_hint(char reason[CURL_ERROR_SIZE]);

/* Returns whether the server has ended the connection with close_notify, so that it was not cut on
 * the way. To be called after the end has been read. Returns false with TLS libraries other than
 * OpenSSL. */
bool http_tls_has_ended_well(CURL *easy);

enum http_tls_wait { HTTP_TLS_WAITS_UNKNOWN, HTTP_TLS_WAITS_TO_READ, HTTP_TLS_WAITS_TO_WRITE };

/* Returns what the last call waits for that had to be made again: during a renegotiation, sending
 * may have to wait for bytes, and receiving for room. Unknown with TLS libraries other than
 * OpenSSL. */
enum http_tls_wait http_tls_waits(CURL *easy);

#endif
