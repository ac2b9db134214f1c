/* http_site.c - sites, and the hosts that they share. */
#include "http_site.h"

#include "backend/dns/names.h"
#include "http_backend.h"
#include "http_idle.h"
#include "http_request.h"

#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

/* Sets the target of the host's connections. */
static void set_target(struct http *http, struct http_host *host, CURLU *url)
{
    struct http_connect_target *target = &host->target;
    char *text = host_of(url);

    target->unix_socket = host->unix_socket;
    if (host->unix_socket == NULL && text != NULL && !parse_address(url, text, &target->address))
        target->name = names_ref(http->names, text);
    target->address.port = port_of(url);
    curl_free(text);
}

/* Creates the TLS sessions of one host. They are not shared with other hosts, because resuming a
 * session skips the verification of the certificate. */
static CURLSH *sessions_new(void)
{
    CURLSH *sessions = curl_share_init();

    if (sessions == NULL)
        abort(); /* out of memory, as in mem.c */
    curl_share_setopt(sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    return sessions;
}

void http_site_allow_connections(struct http *http)
{
    /* Calls, streams and idle connections, and a reserve. */
    const long of_each = 4 * (long)http->pool.max_connections;

    http_handshakes_allow(&http->handshakes, (long)list_count(&http->hosts) * of_each);
}

static struct http_host *host_new(struct http *http, const struct http_site_config *config,
                                  CURLU *url)
{
    struct http_host *host = xcalloc(1, sizeof(*host));

    host->base = xstrdup(config->base);
    host->unix_socket = config->unix_socket == NULL ? NULL : xstrdup(config->unix_socket);
    host->tls_hash = hash_tls(&http->tls_key, &config->tls);
    host->is_tls = strncasecmp(config->base, "https:", strlen("https:")) == 0;
    set_target(http, host, url);
    host->sessions = host->is_tls ? sessions_new() : NULL;
    http_queue_init(&host->calls, &http->pool);
    http_queue_init(&host->streams, &http->pool);
    list_init(&host->idle);
    list_init(&host->give_way.starved);
    list_prepend(&http->hosts, &host->node);
    http_backend_join(http, host);
    http_site_allow_connections(http);
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

static struct http_host *find_host(struct http *http, const struct http_site_config *config)
{
    const uint64_t tls_hash = hash_tls(&http->tls_key, &config->tls);

    LIST_FOR_EACH (at, &http->hosts) {
        struct http_host *host = CONTAINER_OF(at, struct http_host, node);

        if (is_host_of(host, config, tls_hash))
            return host;
    }
    return NULL;
}

static struct http_host *host_ref(struct http *http, const struct http_site_config *config,
                                  CURLU *url)
{
    struct http_host *host = find_host(http, config);

    if (host == NULL)
        host = host_new(http, config, url);
    host->sites++;
    return host;
}

static void host_unref(struct http *http, struct http_host *host)
{
    if (--host->sites > 0)
        return;
    list_remove(&host->node);
    http_idle_close_all(host);
    http_backend_leave(http, host);
    names_unref(&host->target.name);
    if (host->sessions != NULL)
        curl_share_cleanup(host->sessions);
    free(host->base);
    free(host->unix_socket);
    free(host);
}

/* Sites */

/* Returns NULL with ERR_CONFIG when base is not a URL. */
static CURLU *parse_url(const char *base, struct error *err)
{
    CURLU *url = curl_url();
    CURLUcode code = curl_url_set(url, CURLUPART_URL, base, 0);

    if (code == CURLUE_OK)
        return url;
    error_set(err, ERR_CONFIG, "'%s': %s", base, curl_url_strerror(code));
    curl_url_cleanup(url);
    return NULL;
}

struct http_site *http_site_open(struct http *http, const struct http_site_config *config,
                                 struct error *err)
{
    CURLU *url = parse_url(config->base, err);
    struct http_site *site;

    if (url == NULL)
        return NULL;
    site = xcalloc(1, sizeof(*site));
    site->http = http;
    site->url = url;
    http_request_print_head(&site->head, url, config->headers, config->header_count);
    site->connect_timeout_ms = config->connect_timeout_ms;
    site->max_response = config->max_response;
    site->tls = config->tls;
    site->host = host_ref(http, config, url);
    list_prepend(&http->sites, &site->node);
    return site;
}

void http_site_close(struct http_site **psite)
{
    struct http_site *site = *psite;

    if (site == NULL)
        return;
    *psite = NULL;
    list_remove(&site->node);
    host_unref(site->http, site->host);
    http_request_wipe(&site->head);
    curl_url_cleanup(site->url);
    free(site);
}

_Static_assert((int)HTTP_ADDRESSES_MAX == (int)NAME_ADDRESSES_MAX, "callers know the maximum");

struct http_addresses http_site_addresses(const struct http_site *site)
{
    const struct name *name = site->host->target.name;
    const struct name_addresses *known = name == NULL ? NULL : name_addresses(name);

    if (known == NULL)
        return (struct http_addresses){.count = 0};
    return (struct http_addresses){known->generation, known->count, known->list};
}

static bool has_part(struct span all, struct span part)
{
    return part.len == 0 || span_equal(all, part);
}

static bool has_tls(const struct http_tls *all, const struct http_tls *part)
{
    return has_part(all->ca, part->ca) && has_part(all->cert, part->cert) &&
           has_part(all->key, part->key);
}

bool http_uses_tls(const struct http *http, const struct http_tls *tls)
{
    LIST_FOR_EACH (at, &http->sites) {
        if (has_tls(&CONTAINER_OF(at, struct http_site, node)->tls, tls))
            return true;
    }
    return false;
}
