#include "http_backend.h"

#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

static bool is_same_socket(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static struct http_backend *find(const struct http *http, const struct http_host *host)
{
    for (size_t i = 0; i < http->backend_count; i++) {
        struct http_backend *b = http->backends[i];

        if (strcasecmp(b->url, host->base) == 0 &&
            is_same_socket(b->unix_socket, host->unix_socket))
            return b;
    }
    return NULL;
}

static char *name_of(const struct http_host *host)
{
    char *name = NULL;

    if (host->unix_socket == NULL)
        return xstrdup(host->base);
    if (asprintf(&name, "%s unix:%s", host->base, host->unix_socket) == -1)
        abort();
    return name;
}

static struct http_backend *backend_new(struct http *http, const struct http_host *host)
{
    struct http_backend *b = xcalloc(1, sizeof(*b));

    b->id = ++http->last_backend_id;
    b->name = name_of(host);
    b->url = xstrdup(host->base);
    b->unix_socket = host->unix_socket == NULL ? NULL : xstrdup(host->unix_socket);
    list_init(&b->hosts);
    http->backends =
        xreallocarray(http->backends, http->backend_count + 1, sizeof(struct http_backend *));
    http->backends[http->backend_count++] = b;
    return b;
}

void http_backend_join(struct http *http, struct http_host *host)
{
    struct http_backend *b = find(http, host);

    host->backend = b == NULL ? backend_new(http, host) : b;
    list_append(&host->backend->hosts, &host->in_backend);
}

/* Returns the place of the first backend after id. */
static size_t place_after(const struct http *http, uint64_t id)
{
    size_t begin = 0, end = http->backend_count;

    while (begin < end) {
        const size_t middle = begin + (end - begin) / 2;

        if (http->backends[middle]->id > id)
            end = middle;
        else
            begin = middle + 1;
    }
    return begin;
}

void http_backend_leave(struct http *http, struct http_host *host)
{
    struct http_backend *b = host->backend;
    const size_t place = place_after(http, b->id - 1);

    list_remove(&host->in_backend);
    if (!list_is_empty(&b->hosts))
        return;
    memmove(&http->backends[place], &http->backends[place + 1],
            (http->backend_count - place - 1) * sizeof(struct http_backend *));
    if (--http->backend_count == 0) {
        free(http->backends);
        http->backends = NULL;
    }
    free(b->name);
    free(b->url);
    free(b->unix_socket);
    free(b);
}

const struct http_backend *http_next_backend(const struct http *http, uint64_t id)
{
    const size_t place = place_after(http, id);

    return place == http->backend_count ? NULL : http->backends[place];
}

const struct http_backend *http_site_backend(const struct http_site *site)
{
    return site->host->backend;
}

struct http_load http_backend_load(const struct http_backend *b)
{
    struct http_load load = {.connections = b->connections};

    LIST_FOR_EACH (at, &b->hosts) {
        const struct http_host *host = CONTAINER_OF(at, struct http_host, in_backend);

        load.in_flight += host->calls.in_flight + host->streams.in_flight;
        load.waiting += host->calls.waiting_count + host->streams.waiting_count;
    }
    return load;
}
