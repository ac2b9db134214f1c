/* http_client.c - the HTTP client as a whole. libcurl does TLS (http_handshake.c) and parses
 * URLs. All else is podop's own, with an eighth of the instructions that libcurl needs: names
 * (names.c), connections (http_connect.c), requests and answers (http_call.c, http_exchange.c,
 * http1_parse.c). */
#include "podop/http.h"

#include "backend/dns/names.h"
#include "http_idle.h"
#include "http_queue.h"
#include "http_site.h"

#include "podop/deadline.h"
#include "podop/mem.h"

#include <stdlib.h>

struct http *http_new(struct ev_loop *loop, const struct pool_config *pool, struct error *err)
{
    struct http *http;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(err, ERR_SYSTEM, "cannot initialise libcurl");
        return NULL;
    }
    http = xcalloc(1, sizeof(*http));
    http->loop = loop;
    service_clock_hold(loop);
    http->turns = loop_turns(loop);
    http->pool = *pool;
    hash_key_init_random(&http->tls_key);
    list_init(&http->hosts);
    list_init(&http->sites);
    http_idle_init(http);
    http->names = names_new(loop);
    http_handshakes_init(&http->handshakes, loop);
    return http;
}

void http_free(struct http **phttp)
{
    struct http *http = *phttp;

    if (http == NULL)
        return;
    *phttp = NULL;
    http_idle_deinit(http);
    http_handshakes_deinit(&http->handshakes);
    names_free(&http->names);
    service_clock_release(http->loop);
    free(http);
    curl_global_cleanup();
}

void http_set_pool(struct http *http, const struct pool_config *pool)
{
    http->pool = *pool;
    http_site_allow_connections(http);
    http_idle_close_old(http);
    LIST_FOR_EACH (at, &http->hosts) {
        struct http_host *host = CONTAINER_OF(at, struct http_host, node);

        http_idle_make_room(host);
        http_queue_run(&host->calls);
        http_queue_run(&host->streams);
    }
}

uint32_t http_max_connections(const struct http *http)
{
    return http->pool.max_connections;
}

void http_set_log(struct http *http, struct log *log)
{
    names_set_log(http->names, log);
}

void http_reload_names(struct http *http)
{
    names_reload(http->names);
}

const char *http_library(void)
{
    return curl_version();
}
