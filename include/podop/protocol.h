/* protocol.h - a session is the conversation with one client in one protocol: bytes in, requests to
 * tables, replies out. A session uses no descriptor, no event loop and no part of the server but
 * struct service: src/server/client.c moves its bytes.
 * docs/howto-protocol.md shows how a protocol is added. */
#ifndef PODOP_PROTOCOL_H
#define PODOP_PROTOCOL_H

#include "podop/buf.h"
#include "podop/list.h"
#include "podop/log.h"
#include "podop/rate_limit.h"
#include "podop/reply.h"
#include "podop/settings.h"

#include <stdint.h>

struct table;

/* The fields of a request's log line that come from its reply: status, reason, cache and
 * http_status. Fields that do not apply are left out. */
#define LOG_REPLY(r)                                                                               \
    LOG_STR("status", reply_status_name((r)->status)),                                             \
        LOG_IF((r)->reason.len > 0, LOG_SPAN("reason", (r)->reason)),                              \
        LOG_IF((r)->source != REPLY_NOT_LOOKED_UP,                                                 \
               LOG_STR("cache", reply_source_name((r)->source))),                                  \
        LOG_IF((r)->http_status != 0, LOG_UINT("http_status", (r)->http_status))

/* A caller that waits for the end of a reload. The caller owns the struct, and zeroes it first. */
struct reload_request {
    struct list_node node;               /* of the list that it waits in */
    config_report_fn *report;            /* called for each fault */
    void (*done)(void *arg, int status); /* 0, or -1: nothing has changed */
    void *arg;
};
/* Stops waiting: no function of request is called any more. */
static inline void reload_request_cancel(struct reload_request *request)
{
    list_remove(&request->node);
}

/* The admin commands of the control socket that concern the whole server. */
struct admin {
    void *arg;
    /* request is borrowed until done, which never runs before this returns, or until
     * reload_request_cancel(). */
    void (*reload)(void *arg, struct reload_request *request);
    void (*stats)(void *arg, struct buf *out); /* appends members to a JSON object */
};

/* What a client may ask for, by its protocol. */
enum request_kind {
    REQUEST_SOCKETMAP_LOOKUP,
    REQUEST_DICT_LOOKUP,
    REQUEST_DICT_ITERATION,
    REQUEST_DICT_TRANSACTION,
    REQUEST_CONTROL,
    REQUEST_KINDS,
};

/* How often each kind was asked for. */
struct request_counts {
    uint64_t of[REQUEST_KINDS];
};

/* The names of each kind, for people. */
struct request_name {
    const char *protocol, *kind;
};
extern const struct request_name request_kinds[REQUEST_KINDS];

/* The service of one listener for its sessions. They all share it, and each has a
 * reference. A reload changes the fields between two callbacks: a session reads them again for each
 * request. It may keep a table together with the serial under which it found the table. */
struct service {
    unsigned refs;
    void (*destroy)(struct service *service); /* called when the last reference is gone */
    /* Returns the table of that name, borrowed, or NULL when this listener serves no such table. */
    struct table *(*find_table)(struct service *service, struct span name);
    /* Logs that a client asked for a table that does not exist, at most once a minute. protocol is
     * the name of the client's protocol. */
    void (*log_unknown_table)(struct service *service, const char *protocol, struct span name);
    uint64_t serial; /* changes with each reload. While it stays, a table that find_table() has
                      * returned stays valid and is what find_table() would return again */
    const struct listen_config *listen; /* the listener's settings */
    struct log *log;
    const struct admin *admin; /* borrowed; for the control protocol */
    struct request_counts requests;
    /* Of changes in unfinished transactions, also of clients that have disconnected. */
    size_t commit_bytes;
    /* Of requests that were longer than max_request, and were thrown away. */
    uint64_t long_requests;
    struct rate_limit long_requests_logged;
};

struct service *service_ref(struct service *service);
void service_unref(struct service **service); /* *service becomes NULL; a NULL *service is fine */

static inline struct table *service_find_table(struct service *service, struct span name)
{
    return service->find_table(service, name);
}

static inline void service_log_unknown_table(struct service *service, const char *protocol,
                                             struct span name)
{
    service->log_unknown_table(service, protocol, name);
}

/* Logs that a request of this protocol was longer than max_request, at most once a minute for each
 * service. */
void service_log_long_request(struct service *service, const char *protocol);

/* What a session may use of its client. The client outlives the session. */
struct session_io {
    struct service *service;
    struct buf *out; /* replies are appended here */
    /* The session calls this when it has written to out, or can take requests again, outside of
     * feed() and output_drained(). It never frees the session before it returns. */
    void (*wake)(void *arg);
    void *wake_arg;
    uint64_t conn; /* the connection's number, for logs */
    /* Borrowed: true while the output of all clients together takes too much memory. Meanwhile a
     * session must buffer no large replies. The client is woken afterwards. NULL: never true. */
    const bool *is_under_memory_pressure;
};

struct session; /* defined by each protocol */

enum feed {
    FEED_OK,  /* what was not used is an incomplete request, or the session is full */
    FEED_BAD, /* not this protocol: the pending replies are sent, then the connection is closed */
    /* The session throws away a request that is too long: it needs nothing of the bytes after those
     * that it has used, and the rest of the request is still to come. */
    FEED_DISCARDING,
};

enum {
    SERVES_AUTO = 1 << MODE_AUTO, /* the first byte selects the protocol */
    SERVES_POSTFIX = 1 << MODE_POSTFIX,
    SERVES_DOVECOT = 1 << MODE_DOVECOT,
    SERVES_CONTROL = 1 << MODE_CONTROL,
};

struct protocol_ops {
    const char *name; /* for logs */
    unsigned modes;   /* SERVES_...: the modes of the listeners that speak it */
    bool (*claims)(char first_byte);
    struct session *(*open)(const struct session_io *io); /* io is copied; never NULL */
    /* Takes whole requests off the front of in, as many as there is room for, and sets *used to
     * their bytes. The rest is fed again together with what follows it, but not after
     * FEED_DISCARDING. */
    enum feed (*feed)(struct session *session, struct span in, size_t *used);
    size_t (*pending)(const struct session *session); /* requests without a complete reply */
    bool (*is_full)(
        const struct session *session); /* takes no more requests until some are answered */
    /* Returns how many bytes the session keeps, apart from those in out. May be NULL: none. */
    size_t (*buffered_bytes)(const struct session *session);
    /* Reports that the client has read all of out. May be NULL. */
    void (*output_drained)(struct session *session);
    /* Reports that the client has read some of out, but not all. May be NULL. */
    void (*output_progressed)(struct session *session);
    void (*close)(struct session **session); /* cancels what is in flight; NULLs the pointer */
};

#endif
