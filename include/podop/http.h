/* http.h - HTTP requests over pooled keep-alive connections: one pool per backend host for the
 * whole process, whichever tables ask. No type of a library shows here. */
#ifndef PODOP_HTTP_H
#define PODOP_HTTP_H

#include "podop/error.h"
#include "podop/log.h"
#include "podop/settings.h"
#include "podop/span.h"

#include <stdint.h>

struct ev_loop;

struct http;      /* every pool, on one loop */
struct http_site; /* where a table's requests go, and how */
struct http_call; /* one request under way */

/* Returns NULL if the library cannot be initialised. */
struct http *http_new(struct ev_loop *loop, const struct pool_config *pool, struct error *err);
/* All sites must be closed and all calls ended. */
void http_free(struct http **http);
/* Another size of the pools, from now on. */
void http_set_pool(struct http *http, const struct pool_config *pool);
/* Logs when names cannot be resolved any more and their last addresses stay in use. */
void http_set_log(struct http *http, struct log *log);
/* Reads /etc/hosts and /etc/resolv.conf again, even if they have not changed. */
void http_reload_names(struct http *http);
uint32_t http_max_connections(const struct http *http); /* of each pool */
/* "libcurl/7.88.1 ...": for the version line. */
const char *http_library(void);

/* PEM, borrowed; what is empty is not there. */
struct http_tls {
    struct span ca;        /* who may vouch for a server, instead of the system's authorities */
    struct span cert, key; /* podop's own, with its chain: shown to a server that asks */
};

/* Whether all of it can be used, told without a network; an http must exist. ERR_CONFIG with a
 * reason that has nothing of the bytes in it. */
int http_check_tls(const struct http_tls *tls, struct error *err);
/* Whether an open site has all of it already. */
bool http_uses_tls(const struct http *http, const struct http_tls *tls);

struct http_site_config {
    const char *base;           /* "http://host:port" */
    const char *unix_socket;    /* NULL: base's host is asked over TCP */
    const char *const *headers; /* "Name: value" of every request */
    size_t header_count;
    struct http_tls tls; /* its bytes must outlive the site */
    uint32_t connect_timeout_ms;
    size_t max_response; /* bytes of a body that is kept */
};

/* config is copied, but for the bytes of tls. Headers are wiped when the site is closed. NULL with
 * ERR_CONFIG when base is no usable URL. */
struct http_site *http_site_open(struct http *http, const struct http_site_config *config,
                                 struct error *err);
void http_site_close(struct http_site **site); /* none of its calls may be under way */

enum http_outcome {
    HTTP_ANSWERED,  /* status is what the server said; body is complete, and kept for a lookup's 200
                       only */
    HTTP_FAILED,    /* no whole answer came: refused, reset, cut off, not HTTP, no such name, TLS */
    HTTP_TIMED_OUT, /* the deadline passed, in the queue or on the wire */
    HTTP_TOO_LARGE, /* the body of a 200 is larger than max_response */
    HTTP_QUEUE_FULL, /* max_waiting calls wait already; nothing was sent */
    HTTP_UNREAD, /* of a stream: its reader took nothing for long, and others wait for its place */
    HTTP_UNWANTED, /* its turn in the queue came, and is_wanted said no */
};

struct http_answer {
    enum http_outcome outcome;
    unsigned status; /* 0: no head of an answer came */
    struct span body;
    const char *reason;    /* for HTTP_FAILED; without a secret, a path or a query */
    bool may_have_arrived; /* when there is no answer: some of the request was sent */
    bool is_refused; /* when there is no answer: nothing was sent, the connection was refused */
    bool is_local_failure; /* most of its time passed in podop's queue, or no socket could be
                               created: it says nothing about the server */
    bool was_resent; /* a kept connection had been closed, so it was sent again on a new one */
};

/* The answer is borrowed and ends when done returns. */
typedef void http_done_fn(void *arg, const struct http_answer *answer);

/* A part of a 200's body, of what is there and not used yet. Returns how many bytes were used; the
 * others come again with more. With *is_blocked set nothing more is read before http_go_on(). Runs
 * from the loop; must not cancel the call. */
typedef size_t http_data_fn(void *arg, struct span bytes, bool *is_blocked);

/* Whether a request that had to wait shall still be sent. Runs from anywhere that a connection
 * falls free; must not call http. */
typedef bool http_wanted_fn(void *arg);

enum { HTTP_EXTRA_HEADERS_MAX = 4 };

struct http_request {
    const char *method; /* NULL: GET. Anything else is a write: sent once at most, so always on a
                         * connection of its own, for a kept one might fail without a word */
    const char *target; /* path and query, as they go onto the wire; copied */
    uint64_t deadline_at_ms;                     /* of service_now_ms() */
    struct span body;                            /* of a write, JSON; copied */
    const char *headers[HTTP_EXTRA_HEADERS_MAX]; /* besides the site's; NULL at the end; copied */
    http_data_fn *data;   /* NULL: the whole body comes with done. Else it streams: the deadline is
                           * for the first part; a body has no limit, only what is not used; done gets
                           * the rest that was not used */
    uint32_t patience_ms; /* of a stream, for each further part */
    bool is_fresh; /* on a new connection, never on one that was kept: after a failure, a new one
                    * tells more. A write needs no such word */
    http_wanted_fn *is_wanted; /* asked when it has waited in the queue; NULL: always */
    http_wanted_fn *is_unread; /* of a blocked stream: it waits for a client of ours; NULL: never */
    size_t excerpt_max; /* of the body of an answer that is no 200, which otherwise has none: for
                         * people to read. Not of a stream */
};

/* Sends now, or when a connection of the pool is free. done runs once, from the loop, never before
 * this returns; after http_cancel() it never runs. */
struct http_call *http_start(struct http_site *site, const struct http_request *request,
                             http_done_fn *done, void *arg);
void http_go_on(struct http_call *call);   /* a stream; of one that is not blocked, nothing */
void http_cancel(struct http_call **call); /* *call becomes NULL; a NULL *call is fine */

/* How busy one host's pool is. */
struct http_load {
    struct span url;         /* "http://host:port" */
    struct span unix_socket; /* empty: over TCP */
    uint32_t in_flight;
    size_t waiting; /* for a connection */
};
typedef void http_load_fn(void *arg, const struct http_load *load);
void http_each_load(const struct http *http, http_load_fn *each, void *arg); /* of every host */

#endif
