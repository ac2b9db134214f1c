/* http_backend_state.h - the inside of an HTTP backend: http_backend.c has its life and its faults,
 * http_connection.c its connections, http_service.c what it answers. */
#ifndef SIM_HTTP_BACKEND_STATE_H
#define SIM_HTTP_BACKEND_STATE_H

#include "http_backend.h"
#include "http_request.h"
#include "tls_server.h"

#include "podop/list.h"

enum { HTTP_POISONS_MAX = 16 };

struct poison {
    const struct truth_key *key; /* NULL: free */
    enum http_fault fault;
    int64_t until_ns;
};

struct http_backend {
    const struct scene_backend *scene;
    struct ledger *ledger;
    struct truth *truth;
    char *address;  /* where it listens now */
    char host[100]; /* in its URLs */
    struct sim_random random;
    struct sim_server *server; /* NULL: refuses */
    struct sim_route route;
    struct http_manner manner;
    struct tls_identity identity; /* of a backend with TLS */
    struct tls_manner tls;
    struct list connections;
    struct poison poisons[HTTP_POISONS_MAX];
    enum http_outage outage;
    struct sim_event outage_end;
    struct sim_event drop_end; /* when the last dropped SYN is surely sent again */
    struct sim_event move_end; /* when podop surely knows the new address */
    bool is_drop_felt, is_move_felt;
    int64_t thawed_ns; /* the end of the last time in which it read nothing */
    unsigned max_connections, hanging;
    bool is_crowded; /* the judge knows */
    struct http_figures figures;
};

struct http_connection {
    struct http_backend *backend;
    struct sim_peer *peer;  /* without TLS */
    struct tls_server *tls; /* or with it */
    struct list_node node;
    struct sim_event event; /* answers the request, sends more of an answer, or ends */
    struct buf in;          /* the request in hand; empty: none */
    struct buf out;         /* what was not sent yet */
    enum http_step {
        HTTP_IDLE,
        HTTP_THINKING,
        HTTP_DRIPPING,
        HTTP_WAITING_LATE, /* out is sent at the event */
        HTTP_HANGING,
        HTTP_SENDING,       /* out waits for room */
        HTTP_ENDING,        /* frees itself at the event */
        HTTP_VANISHED_HOST, /* does nothing any more */
    } step;
    const struct truth_key *harmed; /* a hang that the judge knows of */
    struct judge_request asked;     /* the last request */
    bool resets;                    /* at the end, in the place of FIN */
    bool cuts;                      /* TLS: at the end, no close_notify */
    bool needs_length;              /* the answer may be cut, and podop has to notice */
    bool has_no_length;             /* the answer in out ends with the connection */
    bool closes;                    /* after the answer in out */
    bool closes_unsaid;             /* and the answer does not say so */
    bool has_left;                  /* podop has ended the connection */
    unsigned served;
};

bool web_connected(void *backend, struct sim_peer *peer);
void web_connection_free(struct http_connection *c);
void web_connection_hold(struct http_connection *c, bool is_held);
/* Its host is off until web_connection_forget(), after which podop gets a reset when it sends. */
void web_connection_vanish(struct http_connection *c);
void web_connection_forget(struct http_connection *c);
/* Ends it in its own event. */
void web_connection_end(struct http_connection *c, bool resets);
/* Sends what is in out; after that it ends, if closes is set. */
void web_connection_send(struct http_connection *c);
/* Waits with out, or for ever; the judge is told that the key hangs. */
void web_connection_hang(struct http_connection *c, enum http_step step,
                         const struct truth_key *key, int64_t ns);

/* Ends a fault that lasts: a late answer comes now, and what hangs is closed. */
void web_connection_mend(struct http_connection *c);

/* Answers the request in hand. */
void http_serve(struct http_connection *c);
enum http_fault http_backend_fault(struct http_backend *backend, const struct truth_key *key);

#endif
