/* client.h - the life of a client of either protocol: it connects, sends rounds of requests, waits
 * for their answers, pauses, and leaves. postfix.c and dovecot.c say what the bytes are. */
#ifndef SIM_CLIENT_H
#define SIM_CLIENT_H

#include "wire.h"
#include "world.h"

#include "podop/list.h"

enum request_kind { REQUEST_LOOKUP, REQUEST_ITERATION, REQUEST_COMMIT };

/* A request without its whole answer. */
struct request {
    struct list_node node;
    enum request_kind kind;
    const struct scene_table *table;
    int64_t sent_ns;     /* the first byte of its round */
    int64_t complete_ns; /* its last byte was given to the connection; 0: not yet */
    int64_t wait_ns;     /* requests before it, for which it may have to wait, can last so long */
    size_t end;          /* of its bytes in the round */
    char key[SCENE_KEY_BYTES]; /* as the table knows it; of an iteration, the path */
};

struct client;

struct client_ops {
    size_t request_bytes; /* of a struct that begins with struct request */
    void (*greet)(
        struct client *client); /* adds to out what comes first on a connection; may be NULL */
    void (*ask)(struct client *client); /* makes the requests of a round */
    void (*sent)(struct client *client, struct request *request); /* may be NULL */
    /* Takes one whole message off the front of in. Returns its length, 0 when more is needed. */
    size_t (*message)(struct client *client, struct span in);
    void (*lost)(struct client *client, struct request *request); /* it will have no answer */
    void (*drop)(struct request *request); /* frees what it has; may be NULL */
};

struct client {
    struct world *world;
    const char *name;
    const struct client_ops *ops;
    struct sim_random random;
    struct sim_event event; /* the next thing to do */
    struct sim_event rest;  /* sends the second part of a round */
    struct wire wire;
    struct buf out;       /* the round */
    size_t sent;          /* bytes of it that were sent */
    struct list requests; /* oldest first */
    size_t pending;
    unsigned rounds;      /* until it leaves */
    int64_t pause_ns;     /* between rounds, in the mean */
    uint64_t connections; /* so far; the number of the present one */
    int64_t connected_ns; /* the present one */
    bool is_eager;        /* begins a round without waiting for the answers to the last one */
    bool is_slow;         /* its route is slow, so times of answers say nothing */
};

/* Begins the life of a client, at an instant of its choice. name is borrowed. */
void client_start(struct client *client, struct world *world, const char *name,
                  const struct client_ops *ops, int64_t pause_ns);

/* For ask(): adds a request, whose bytes the caller adds to out, before or after, and then calls
 * client_written(). */
struct request *client_request(struct client *client, enum request_kind kind,
                               const struct scene_table *table);
void client_written(struct client *client, struct request *request);
/* The request has its whole answer. Frees it. */
void client_answered(struct client *client, struct request *request);
struct request *client_first(const struct client *client); /* NULL: none is pending */

/* The longest timeout of the requests that are pending before this one; 0: none is. */
int64_t client_wait_before(const struct client *client, const struct request *request);

/* Breaks the run: podop has sent what no client can understand. */
_Noreturn void client_refuses(const struct client *client, const char *kind, struct span bytes);

/* Returns whether no request is pending, and none will be sent. */
bool client_is_done(const struct client *client);

#endif
