/* http.h - an HTTP client with pooled keep-alive connections. There is one pool for each backend
 * host, which all tables share. No type of libcurl appears here. */
#ifndef PODOP_HTTP_H
#define PODOP_HTTP_H

#include "podop/durations.h"
#include "podop/endpoint.h"
#include "podop/error.h"
#include "podop/list.h"
#include "podop/log.h"
#include "podop/settings.h"
#include "podop/span.h"

#include <stdint.h>

struct ev_loop;

struct http;      /* the client with all pools, on one loop */
struct http_site; /* where the requests of a table go, with their headers, TLS and limits */
struct http_call; /* one request in progress */

/* Returns NULL if the library cannot be initialised. */
struct http *http_new(struct ev_loop *loop, const struct pool_config *pool, struct error *err);
/* Frees the client. All sites must be closed and all calls ended. */
void http_free(struct http **http);
/* Changes the size of all pools. */
void http_set_pool(struct http *http, const struct pool_config *pool);
/* Sets the log for warnings about host names that cannot be resolved any more. */
void http_set_log(struct http *http, struct log *log);
/* Reads /etc/hosts and /etc/resolv.conf again, even if they have not changed. */
void http_reload_names(struct http *http);
uint32_t http_max_connections(const struct http *http); /* of each pool */
/* Returns "libcurl/7.88.1 ...", for the version line. */
const char *http_library(void);

/* In PEM format, borrowed. An empty member is not set. */
struct http_tls {
    struct span ca;        /* certificate authorities that replace the system's */
    struct span cert, key; /* podop's client certificate, with its chain, and its key */
};

/* Checks without a network whether libcurl can use the certificates and the key. An http must
 * exist. Returns 0, or -1 with ERR_CONFIG and a reason that quotes nothing of them. */
int http_check_tls(const struct http_tls *tls, struct error *err);
/* Returns whether an open site uses the same certificates and key. Empty members of tls are not
 * compared. */
bool http_uses_tls(const struct http *http, const struct http_tls *tls);

struct http_site_config {
    const char *base;           /* "http://host:port" */
    const char *unix_socket;    /* NULL: over TCP to the host of base */
    const char *const *headers; /* "Name: value", for every request */
    size_t header_count;
    struct http_tls tls; /* its bytes must outlive the site */
    uint32_t connect_timeout_ms;
    size_t max_response; /* bytes of a body */
};

/* Copies config, but for the bytes of tls. Headers are wiped when the site is closed. Returns NULL
 * with ERR_CONFIG if base is not a valid URL. */
struct http_site *http_site_open(struct http *http, const struct http_site_config *config,
                                 struct error *err);
void http_site_close(struct http_site **site); /* all its calls must have ended */

enum { HTTP_ADDRESSES_MAX = 32 };

/* The addresses of the name of a site's host. */
struct http_addresses {
    unsigned generation;         /* changes whenever the addresses may have changed */
    size_t count;                /* 0: none is known, or the host is not a name */
    const struct endpoint *list; /* borrowed until the loop runs again */
};
struct http_addresses http_site_addresses(const struct http_site *site);

enum http_outcome {
    /* status is set; body is complete, but only the 200 of a repeatable request has one, and the
     * 2XX of a write with reads_answer */
    HTTP_ANSWERED,
    HTTP_FAILED,     /* no complete answer came: refused, reset, cut off, not HTTP, unknown name,
                        TLS */
    HTTP_TIMED_OUT,  /* the deadline passed, in the queue or on the wire */
    HTTP_TOO_LARGE,  /* a body that is wanted is larger than max_response */
    HTTP_ENCODED,    /* a body that is wanted has a Content-Encoding; reason says which */
    HTTP_QUEUE_FULL, /* max_waiting calls wait already; nothing was sent */
    /* a stream whose reader took nothing for a long time while other calls waited */
    HTTP_UNREAD,
    HTTP_UNWANTED, /* is_wanted returned false when a connection was free; nothing was sent */
};

struct http_answer {
    enum http_outcome outcome;
    unsigned status; /* 0: no head of an answer came */
    struct span body;
    const char *reason; /* of HTTP_FAILED and HTTP_ENCODED; without a secret, a path or a query */
    /* Of a whole head: its Content-Type, and its Content-Encoding without "identity". Any bytes;
     * "" for none, or NULL. */
    const char *content_type, *content_encoding;
    const char *location;  /* of a whole head, which may be cut; any bytes; NULL: none */
    bool may_have_arrived; /* without an answer: some of the request was sent */
    bool is_refused;       /* without an answer: the connection was refused, so nothing was sent */
    /* most of its time passed in podop's queue, or no socket could be created: the outcome says
     * nothing about the server */
    bool is_local_failure;
    bool is_unreachable; /* without an answer: no address of the host could be connected to */
    /* the address of the host that the request went to, because the wanted one failed or was slow
     * to connect; NULL: it went to the wanted one */
    const struct endpoint *moved_to;
    bool was_resent; /* on a new connection, after the server had closed the idle one */
};

/* The answer is borrowed until done returns. */
typedef void http_done_fn(void *arg, const struct http_answer *answer);

/* Takes the bytes of a 200's body that have arrived and are not used yet. Returns how many it
 * has used; the others come again, together with more. After it has set *is_blocked, nothing
 * more is read before http_go_on(). Called from the loop; must not cancel the call. */
typedef size_t http_data_fn(void *arg, struct span bytes, bool *is_blocked);

/* Returns whether a condition of the call is true. May be called whenever a connection of the pool
 * becomes free. Must not call this module. */
typedef bool http_wanted_fn(void *arg);

enum { HTTP_EXTRA_HEADERS_MAX = 4 };

struct http_request {
    const char *method; /* NULL: GET */
    /* The server may receive it more than once: a lookup of whatever method. false: it is a write,
     * which is sent at most once, over a connection of its own, because an idle one may fail
     * unnoticed. */
    bool is_repeatable;
    const char *target;      /* path and query, as they go onto the wire; copied */
    uint64_t deadline_at_ms; /* of service_now_ms() */
    struct span body;        /* JSON; copied */
    const char *headers[HTTP_EXTRA_HEADERS_MAX]; /* besides the site's; NULL at the end; copied */
    /* NULL: the whole body comes with done. Otherwise the call is a stream: the deadline is for
     * the first part of the body, max_response limits the bytes that are not used yet instead of
     * the whole body, and done gets the last unused bytes. */
    http_data_fn *data;
    uint32_t patience_ms; /* of a stream: the time for each further part */
    /* use a new connection, which says more about the server after a failure than an idle one
     * does. Writes always use a new one */
    bool is_fresh;
    /* One of the addresses of the host. Idle connections to others are not used, and a new one
     * tries others only after it. NULL: any. Borrowed until the end of the call. */
    const struct endpoint *address;
    http_wanted_fn *is_wanted; /* whether to send it after it has waited; NULL: always */
    http_wanted_fn *is_unread; /* whether a blocked stream waits for a client; NULL: never */
    size_t excerpt_max; /* bytes of the body to report for a status other than 200, for people to
                         * read. Not of a stream */
    bool reads_answer;  /* of a write: the body of a 2XX is wanted */
};

/* Sends the request now, or when the pool has a place. done is called once, from the loop, not
 * before this returns, and not after http_cancel(). */
struct http_call *http_start(struct http_site *site, const struct http_request *request,
                             http_done_fn *done, void *arg);
void http_go_on(struct http_call *call);   /* unblocks a stream; fine if it is not blocked */
void http_cancel(struct http_call **call); /* *call becomes NULL; a NULL *call is fine */

/* How requests to a backend have ended, for its counters. */
enum http_counted {
    HTTP_COUNTED_ANSWERED,     /* wholly, with a status below 500 */
    HTTP_COUNTED_SERVER_ERROR, /* wholly, with another status */
    HTTP_COUNTED_FAILED,
    HTTP_COUNTED_TIMEOUT,
    HTTP_COUNTED_UNUSABLE,  /* HTTP_TOO_LARGE, HTTP_ENCODED */
    HTTP_COUNTED_NOT_SENT,  /* it ended in the queue */
    HTTP_COUNTED_CANCELLED, /* its answer was not wanted any more, or not read */
    HTTP_COUNTED_OUTCOMES,
};

/* A backend host, for all tables, whatever their credentials. It lives as long as a site of it. */
struct http_backend {
    uint64_t id;       /* from 1, in the order in which they were opened; never used again */
    char *name;        /* "http://host:port", or "http://host:port unix:/path" */
    char *url;         /* "http://host:port" */
    char *unix_socket; /* NULL: over TCP */
    uint64_t outcomes[HTTP_COUNTED_OUTCOMES];
    struct durations durations; /* of requests that were sent and not cancelled; without streams */
    size_t connections;         /* open, or being opened */
    struct list hosts;          /* private */
};

/* Returns the backend with the lowest id above id, or NULL. Borrowed until the loop runs again. */
const struct http_backend *http_next_backend(const struct http *http, uint64_t id);
const struct http_backend *http_site_backend(const struct http_site *site);

/* What a backend has to do at present. */
struct http_load {
    uint64_t in_flight, waiting, connections;
};
struct http_load http_backend_load(const struct http_backend *backend);

#endif
