/* http_backend.h - an HTTP server of the world: lookups, writes, whole transactions and lists of
 * one store. It tells the judge what it does wrong, and the ledger what it made. */
#ifndef SIM_HTTP_BACKEND_H
#define SIM_HTTP_BACKEND_H

#include "../kernel/kernel.h"
#include "../model/judge.h"

struct http_backend;

/* Serves at once. backend is borrowed; stream: of its choices. */
struct http_backend *http_backend_new(const struct scene_backend *backend, struct ledger *ledger,
                                      unsigned max_connections);
void http_backend_free(struct http_backend **backend);

/* How it answers when all is well. podop must not fail because of any of this. */
struct http_manner {
    int64_t latency_ns, jitter_ns; /* between a request and its answer */
    double chunked;                /* the share of answers in chunks */
    double close;                  /* with Connection: close, or FIN right after the answer */
    double spaced;                 /* with blanks, odd header case, further headers, 100 Continue */
    double no_length;              /* of answers that end with the connection */
    double idle_end;               /* of kept connections that end as the next request arrives */
    double twice;                  /* with an unasked second answer right after it */
    int64_t idle_ns;               /* closes what is not used for so long; 0: never */
};
void http_backend_manner(struct http_backend *backend, struct http_manner manner);
void http_backend_route(struct http_backend *backend, struct sim_route route);
struct tls_manner;
void http_backend_tls(struct http_backend *backend, const struct tls_manner *manner);

/* Faults of one key, of lookups and writes alike. */
enum http_fault {
    HTTP_WELL,
    HTTP_500,   /* not made */
    HTTP_503,   /* 502, 503 or 504; of a write, made or not */
    HTTP_CLOSE, /* FIN instead of an answer */
    HTTP_RESET,
    HTTP_TRUNCATE,      /* a part of the answer, then FIN */
    HTTP_GARBAGE,       /* no HTTP, or no JSON */
    HTTP_LENGTH,        /* a Content-Length that is too long, or two of them */
    HTTP_HANG,          /* no answer */
    HTTP_DRIP,          /* a byte now and then */
    HTTP_LATE,          /* an answer after some seconds */
    HTTP_REFUSES_WRITE, /* 409: lookups are answered well, writes fail for good */
    HTTP_UNNOTIFIED,    /* TLS: an answer without a length, or a part of it, and no close_notify */
    HTTP_NOT_FOUND,     /* 404 of a proxy, which is not a miss of the service */
    HTTP_TELLS_FAILURE, /* 200, and a failure at the place that the setting error names */
    HTTP_FAULTS
};
extern const char *const http_fault_names[HTTP_FAULTS];
void http_backend_poison(struct http_backend *backend, const struct truth_key *key,
                         enum http_fault fault, int64_t ns);

/* Faults of all. Each begins at once and ends by itself after ns; a new one ends the old one. */
enum http_outage {
    HTTP_UP,
    HTTP_DOWN,   /* the process is gone: connections end by FIN or reset, new ones are refused */
    HTTP_CLOSED, /* new connections are refused, old ones live */
    HTTP_FROZEN, /* accepts nothing, reads nothing */
    HTTP_DROPS,  /* connect() gets no answer, old connections live */
    HTTP_DEAD_ROUTE, /* nothing arrives, in either direction, until the end */
    HTTP_VANISHED,   /* the host is off: nothing arrives, and after its start it knows nothing */
    HTTP_ALL_500,
    HTTP_ALL_BROKEN, /* each request at random one of the faults above */
    HTTP_TLS_HANGS,  /* new connections: the handshake is not answered */
    HTTP_TLS_FAILS,  /* the same: it is refused, or the certificate is not valid */
    HTTP_OUTAGES
};
extern const char *const http_outage_names[HTTP_OUTAGES];
void http_backend_out(struct http_backend *backend, enum http_outage outage, int64_t ns);
void http_backend_mend(struct http_backend *backend); /* ends all faults and poisons now */
enum http_outage http_backend_state(const struct http_backend *backend);

/* The service listens elsewhere from now on; the old address is gone with its connections. */
void http_backend_move(struct http_backend *backend, const char *address);

struct http_figures {
    uint64_t gets, writes, commits, lists, faults[HTTP_FAULTS];
};
struct http_figures http_backend_figures(const struct http_backend *backend);

#endif
