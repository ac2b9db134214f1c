#include "http_request.h"

#include <string.h>

static void add_line(struct buf *out, struct span text)
{
    buf_add(out, text);
    buf_add(out, SPAN("\r\n"));
}

/* Adds the value of a Host header: without the port if it is the scheme's default. */
static void add_host(struct buf *out, CURLU *url)
{
    char *host = NULL;
    char *port = NULL;

    curl_url_get(url, CURLUPART_HOST, &host, 0);
    curl_url_get(url, CURLUPART_PORT, &port, CURLU_NO_DEFAULT_PORT);
    buf_add(out, span_of(host));
    if (port != NULL) {
        buf_add_char(out, ':');
        buf_add(out, span_of(port));
    }
    curl_free(host);
    curl_free(port);
}

void http_request_print_head(struct buf *head, CURLU *url, const char *const *headers,
                             size_t header_count)
{
    size_t header_bytes = 0;

    for (size_t i = 0; i < header_count; i++)
        header_bytes += strlen(headers[i]) + strlen("\r\n");
    buf_init(head, BUF_LIMITED_BY_INPUT);
    buf_add(head, SPAN(" HTTP/1.1\r\nHost: "));
    add_host(head, url);
    buf_add(head, SPAN("\r\nUser-Agent: podop/" PODOP_VERSION "\r\n"));
    buf_reserve(head, header_bytes);
    for (size_t i = 0; i < header_count; i++)
        add_line(head, span_of(headers[i]));
}

/* Returns the size of the request, or somewhat more. */
static size_t request_bytes(struct span site_head, const struct http_request *request)
{
    enum { FIELDS_BYTES = 128 }; /* method, Content-Type, Content-Length, and ends of lines */
    size_t bytes = site_head.len + strlen(request->target) + request->body.len + FIELDS_BYTES;

    for (int i = 0; i < HTTP_EXTRA_HEADERS_MAX && request->headers[i] != NULL; i++)
        bytes += strlen(request->headers[i]) + strlen("\r\n");
    return bytes;
}

void http_request_print(struct buf *out, struct span site_head, const struct http_request *request)
{
    const size_t bytes = request_bytes(site_head, request);

    buf_init(out, bytes);
    buf_reserve(out, bytes);
    buf_add(out, request->method == NULL ? SPAN("GET") : span_of(request->method));
    buf_add_char(out, ' ');
    buf_add(out, span_of(request->target));
    buf_add(out, site_head);
    for (int i = 0; i < HTTP_EXTRA_HEADERS_MAX && request->headers[i] != NULL; i++)
        add_line(out, span_of(request->headers[i]));
    if (request->method != NULL)
        add_line(out, SPAN("Content-Type: application/json"));
    if (request->body.len > 0) {
        buf_add(out, SPAN("Content-Length: "));
        buf_add_uint(out, request->body.len);
        buf_add(out, SPAN("\r\n"));
    }
    buf_add(out, SPAN("\r\n"));
    buf_add(out, request->body);
}

void http_request_wipe(struct buf *bytes)
{
    if (bytes->cap > 0)
        explicit_bzero(bytes->ptr, bytes->cap);
    buf_deinit(bytes);
}
