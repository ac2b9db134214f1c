/* monitor_view.h - what documents and counters are made of: the parts of podop that have a state to
 * show. */
#ifndef PODOP_MONITOR_MONITOR_VIEW_H
#define PODOP_MONITOR_MONITOR_VIEW_H

#include "podop/http.h"
#include "podop/protocol.h"
#include "podop/router.h"

#include <time.h>

struct fault_list;
struct past;

/* What the server has counted itself. */
struct server_counts {
    uint64_t started_at_ms; /* monotonic clock */
    time_t started_at;
    uint64_t reloads, reloads_failed;
    time_t reloaded_at;      /* the last reload; 0: none */
    bool last_reload_failed; /* the last reload */
    uint64_t connections;    /* of clients, accepted */
    uint64_t refused;        /* connections that 'allow' does not name */
};

/* Clients and their requests now: all of them are walked to count these. */
struct client_counts {
    size_t clients, requests; /* connected; under way */
};

struct listener_counts {
    struct span socket; /* borrowed until the loop runs again */
    struct span mode;   /* what it serves, as the setting says it; likewise */
    uint64_t clients;   /* connected */
    uint64_t clients_max;
    uint64_t accepted, refused;
};

/* What the server shows of itself. */
struct monitor_ops {
    void (*counts)(void *arg, struct server_counts *to);
    void (*clients)(void *arg, struct client_counts *to);
    /* Fills *to for the i-th open listener. Returns false: i is too large. */
    bool (*listener)(void *arg, size_t i, struct listener_counts *to);
    void (*requests)(void *arg, struct request_counts *to); /* of all listeners, since the start */
};

/* Borrowed for the call that gets it, since a reload replaces the router. */
struct monitor_view {
    struct ev_loop *loop;
    const struct http *http;
    const struct router *router;
    bool is_stopping;
    struct log *log;
    const struct fault_list *faults; /* of the last reload */
    const struct past *past;         /* NULL: nothing is remembered */
    const struct monitor_ops *ops;
    void *arg; /* of ops */
};

/* Returns the present view. */
typedef struct monitor_view monitor_view_fn(void *arg);

#endif
