/* curl_loop.h - libcurl's multi handle, driven by libev: libcurl asks for sockets and a timer to
 * be watched, and is called from the loop, but never from within its own callbacks. Private to
 * src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_CURL_LOOP_H
#define PODOP_BACKEND_HTTP_CURL_LOOP_H

#include "podop/deferred.h"

#include <curl/curl.h>
#include <ev.h>

/* Reports that a handle's transfer has ended. May add or remove any handle. */
typedef void curl_loop_fn(CURL *easy, CURLcode code);

struct curl_loop {
    struct ev_loop *loop;
    CURLM *multi;
    curl_loop_fn *on_end;
    ev_timer timer;       /* libcurl's own */
    struct deferred kick; /* libcurl wants to be called at once */
};

void curl_loop_init(struct curl_loop *curl, struct ev_loop *loop, curl_loop_fn *on_end);
void curl_loop_deinit(struct curl_loop *curl); /* all handles must have been removed */

#endif
