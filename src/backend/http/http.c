/* http.c - sites and hosts, and the whole of the HTTP client. TLS is libcurl's work
 * (http_handshake.c), all else is ours: names (names.c), connections (http_connect.c), requests and
 * answers (http_call.c, http_exchange.c, http1_parse.c), at an eighth of the instructions.
 *
 * How many connections a host gets is decided by a queue per host (http_call.c), and not by
 * libcurl. */
#include "podop/http.h"

#include "http_private.h"

#include "podop/deadline.h"
#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* Hosts */

static uint64_t hash_tls(const struct hash_key *key, const struct http_tls *tls)
{
    const uint64_t parts[] = {hash_span(key, tls->ca), hash_span(key, tls->cert),
                              hash_span(key, tls->key)};

    return hash_span(key, (struct span){(const char *)parts, sizeof(parts)});
}

static char *host_of(CURLU *url)
{
    char *host = NULL;

    return curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK ? host : NULL;
}

static uint16_t port_of(CURLU *url)
{
    char *text = NULL;
    unsigned long port = 0;

    if (curl_url_get(url, CURLUPART_PORT, &text, CURLU_DEFAULT_PORT) == CURLUE_OK)
        port = strtoul(text, NULL, 10);
    curl_free(text);
    return (uint16_t)port;
}

/* Reads "192.0.2.1", or "[fe80::1]", whose scope is another part of the URL. Returns false for a
 * name. */
static bool parse_address(CURLU *url, const char *host, struct endpoint *to)
{
    struct span text = span_of(host);
    char *scope = NULL;

    if (text.len > 2 && host[0] == '[')
        text = (struct span){host + 1, text.len - 2};
    if (!endpoint_parse_address(text, to))
        return false;
    if (to->is_ipv6 && to->scope[0] == '\0' &&
        curl_url_get(url, CURLUPART_ZONEID, &scope, 0) == CURLUE_OK)
        snprintf(to->scope, sizeof(to->scope), "%s", scope);
    curl_free(scope);
    return true;
}

/* Sets where the connections of the host lead to. */
static void find_host(struct http *http, struct http_host *host, CURLU *url)
{
    char *text = host_of(url);

    if (host->unix_socket == NULL && text != NULL && !parse_address(url, text, &host->address))
        host->name = names_ref(http->names, text);
    host->address.port = port_of(url);
    curl_free(text);
}

/* Of TLS, for one host of ours: what one has verified, no other takes up. */
static CURLSH *sessions_new(void)
{
    CURLSH *sessions = curl_share_init();

    if (sessions == NULL)
        abort(); /* out of memory, as in mem.c */
    curl_share_setopt(sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    return sessions;
}

static struct http_host *host_new(struct http *http, const struct http_site_config *config,
                                  CURLU *url)
{
    struct http_host *host = xcalloc(1, sizeof(*host));

    host->base = xstrdup(config->base);
    host->unix_socket = config->unix_socket == NULL ? NULL : xstrdup(config->unix_socket);
    host->tls_hash = hash_tls(&http->tls_key, &config->tls);
    host->is_tls = strncasecmp(config->base, "https:", strlen("https:")) == 0;
    find_host(http, host, url);
    host->sessions = host->is_tls ? sessions_new() : NULL;
    host->calls.waiting_last = &host->calls.waiting;
    host->streams.waiting_last = &host->streams.waiting;
    host->streams.blocked_last = &host->streams.blocked;
    host->next = http->hosts;
    http->hosts = host;
    http_tls_allow(http);
    return host;
}

static bool is_host_of(const struct http_host *host, const struct http_site_config *config,
                       uint64_t tls_hash)
{
    const char *mine = host->unix_socket == NULL ? "" : host->unix_socket;
    const char *wanted = config->unix_socket == NULL ? "" : config->unix_socket;

    return strcasecmp(host->base, config->base) == 0 && strcmp(mine, wanted) == 0 &&
           host->tls_hash == tls_hash;
}

static struct http_host *host_ref(struct http *http, const struct http_site_config *config,
                                  CURLU *url)
{
    const uint64_t tls_hash = hash_tls(&http->tls_key, &config->tls);
    struct http_host *host = http->hosts;

    while (host != NULL && !is_host_of(host, config, tls_hash))
        host = host->next;
    if (host == NULL)
        host = host_new(http, config, url);
    host->sites++;
    return host;
}

static void host_unref(struct http *http, struct http_host *host)
{
    struct http_host **link = &http->hosts;

    if (--host->sites > 0)
        return;
    while (*link != host)
        link = &(*link)->next;
    *link = host->next;
    http_idle_close_all(host);
    names_unref(&host->name);
    if (host->sessions != NULL)
        curl_share_cleanup(host->sessions);
    free(host->base);
    free(host->unix_socket);
    free(host);
}

/* Sites */

/* The host as a Host header has it: without a port that goes without saying. */
static void add_host(struct buf *head, CURLU *url)
{
    char *host = NULL;
    char *port = NULL;

    curl_url_get(url, CURLUPART_HOST, &host, 0);
    curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
    buf_add(head, span_of(host));
    if (port != NULL) {
        buf_add_char(head, ':');
        buf_add(head, span_of(port));
    }
    curl_free(host);
    curl_free(port);
}

/* A request's head behind its target, but for what is the request's own. The headers have room from
 * the beginning: a buffer that has to grow leaves what it held behind, where nobody wipes it. */
static void print_head(struct http_site *site, const struct http_site_config *config)
{
    size_t header_bytes = 0;

    for (size_t i = 0; i < config->header_count; i++)
        header_bytes += strlen(config->headers[i]) + strlen("\r\n");
    buf_init(&site->head, SIZE_MAX);
    buf_add(&site->head, SPAN(" HTTP/1.1\r\nHost: "));
    add_host(&site->head, site->url);
    buf_add(&site->head, SPAN("\r\nUser-Agent: podop/" PODOP_VERSION "\r\n"));
    buf_reserve(&site->head, header_bytes);
    for (size_t i = 0; i < config->header_count; i++) {
        buf_add(&site->head, span_of(config->headers[i]));
        buf_add(&site->head, SPAN("\r\n"));
    }
}

struct http_site *http_site_open(struct http *http, const struct http_site_config *config,
                                 struct error *err)
{
    struct http_site *site = xcalloc(1, sizeof(*site));
    CURLUcode code;

    site->http = http;
    site->url = curl_url();
    code = curl_url_set(site->url, CURLUPART_URL, config->base, 0);
    if (code != CURLUE_OK) {
        error_set(err, ERR_CONFIG, "'%s': %s", config->base, curl_url_strerror(code));
        curl_url_cleanup(site->url);
        free(site);
        return NULL;
    }
    print_head(site, config);
    site->connect_timeout_ms = config->connect_timeout_ms;
    site->max_response = config->max_response;
    site->tls = config->tls;
    site->host = host_ref(http, config, site->url);
    site->next = http->sites;
    site->prev_next = &http->sites;
    if (site->next != NULL)
        site->next->prev_next = &site->next;
    http->sites = site;
    return site;
}

static bool has_part(struct span all, struct span part)
{
    return part.len == 0 || span_equal(all, part);
}

bool http_uses_tls(const struct http *http, const struct http_tls *tls)
{
    for (const struct http_site *site = http->sites; site != NULL; site = site->next) {
        if (has_part(site->tls.ca, tls->ca) && has_part(site->tls.cert, tls->cert) &&
            has_part(site->tls.key, tls->key))
            return true;
    }
    return false;
}

void http_site_close(struct http_site **psite)
{
    struct http_site *site = *psite;

    if (site == NULL)
        return;
    *psite = NULL;
    *site->prev_next = site->next;
    if (site->next != NULL)
        site->next->prev_next = site->prev_next;
    host_unref(site->http, site->host);
    explicit_bzero(site->head.ptr, site->head.cap); /* any header may be a secret */
    buf_deinit(&site->head);
    curl_url_cleanup(site->url);
    free(site);
}

void http_each_load(const struct http *http, http_load_fn *each, void *arg)
{
    for (const struct http_host *host = http->hosts; host != NULL; host = host->next) {
        each(arg, &(struct http_load){
                      .url = span_of(host->base),
                      .unix_socket = span_of(host->unix_socket == NULL ? "" : host->unix_socket),
                      .in_flight = host->calls.in_flight + host->streams.in_flight,
                      .waiting = (size_t)host->calls.waiting_count + host->streams.waiting_count,
                  });
    }
}

/* The whole */

struct http *http_new(struct ev_loop *loop, const struct pool_config *pool, struct error *err)
{
    struct http *http;

    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        error_set(err, ERR_SYSTEM, "libcurl cannot be initialised");
        return NULL;
    }
    http = xcalloc(1, sizeof(*http));
    http->loop = loop;
    service_clock_hold(loop);
    http->turns = loop_turns(loop);
    hash_key_init_random(&http->tls_key);
    http_idle_open(http);
    http->pool = *pool;
    http->names = names_new(loop);
    http_tls_open(http);
    return http;
}

void http_set_pool(struct http *http, const struct pool_config *pool)
{
    http->pool = *pool;
    http_tls_allow(http);
    http_idle_close_old(http);
    for (struct http_host *host = http->hosts; host != NULL; host = host->next) {
        http_idle_make_room(host);
        http_call_send_waiting(http, host);
    }
}

uint32_t http_max_connections(const struct http *http)
{
    return http->pool.max_connections;
}

void http_free(struct http **phttp)
{
    struct http *http = *phttp;

    if (http == NULL)
        return;
    *phttp = NULL;
    http_idle_close(http);
    http_tls_close(http);
    names_free(&http->names);
    service_clock_release(http->loop);
    free(http);
    curl_global_cleanup();
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
