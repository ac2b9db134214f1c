/* protocol.h - a conversation with one client: bytes in, requests to tables, answers out. A session
 * knows no descriptor and no loop; src/server/client.c moves its bytes. */
#ifndef PODOP_PROTOCOL_H
#define PODOP_PROTOCOL_H

#include "podop/buf.h"
#include "podop/config.h"
#include "podop/log.h"
#include "podop/router.h"

#include <stdint.h>

/* Fields of the log line of a request: status, reason, cache and http_status, as far as there are
 * such. */
#define LOG_REPLY(r)                                                                               \
    LOG_STR("status", reply_status_name((r)->status)),                                             \
        LOG_IF((r)->reason.len > 0, LOG_SPAN("reason", (r)->reason)),                              \
        LOG_IF((r)->source != REPLY_NOT_LOOKED_UP,                                                 \
               LOG_STR("cache", reply_source_name((r)->source))),                                  \
        LOG_IF((r)->http_status != 0, LOG_UINT("http_status", (r)->http_status))

/* One who waits for a reload that was asked for; the struct is the caller's. */
struct reload_ask {
    struct reload_ask *next, **prev_next; /* NULL: it does not wait */
    config_report_fn *report;             /* of each fault */
    void (*done)(void *arg, int status);  /* 0, or -1: nothing has changed */
    void *arg;
};
void reload_ask_add(struct reload_ask **list, struct reload_ask *ask); /* at its end */
void reload_ask_cancel(struct reload_ask *ask); /* none of its functions is called any more */

/* What an administrator can have done through the control socket, besides what concerns a table. */
struct admin {
    void *arg;
    /* ask is borrowed until done, which never runs before this returns, or reload_ask_cancel(). */
    void (*reload)(void *arg, struct reload_ask *ask);
    void (*stats)(void *arg, struct buf *out); /* adds members of a JSON object that is begun */
};

/* What all sessions of one listener share; each holds a reference. A reload changes it between
 * callbacks, so a session reads it anew for each request and keeps nothing of it, but for a table
 * together with the serial. */
struct service {
    unsigned refs;
    const struct admin *admin;   /* for the control socket; borrowed from the server */
    const struct router *router; /* NULL: podop serves nobody there any longer */
    uint64_t serial;       /* another one with each router and configuration: a table that was found
                            * under this one is served and there as long as this one stays */
    struct config *config; /* a reference */
    const struct listen_config *listen; /* in config */
    struct log *log;
    uint64_t unknown_tables, unknown_told_at_ms; /* lookups of tables that are not there */
};

/* The first reference is the caller's. */
struct service *service_new(struct config *config, const struct listen_config *listen,
                            struct log *log);
struct service *service_ref(struct service *service);
void service_unref(struct service **service); /* *service becomes NULL; a NULL *service is fine */
/* Another router, which is borrowed, and another configuration, from the next request on. */
void service_route(struct service *service, const struct router *router);
void service_configure(struct service *service, struct config *config,
                       const struct listen_config *listen);

/* What a session has of its client; the client outlives the session. */
struct session_io {
    struct service *service;
    struct buf *out;         /* answers go here */
    void (*wake)(void *arg); /* answers were added, or room for requests came free; never frees the
                              * session before it returns */
    void *wake_arg;
    uint64_t conn; /* the connection's number, for logs */
    /* Borrowed: whether all clients together leave too much unread, so that no session may keep
     * another large answer. The client is woken when that is over. NULL: never. */
    const bool *is_under_memory_pressure;
};

struct session; /* each protocol has its own */

enum feed {
    FEED_OK,  /* what is left is the beginning of a request, or the session is full */
    FEED_BAD, /* the bytes follow no protocol: answer what is owed, then close */
};

struct protocol_ops {
    const char *name; /* for logs */
    bool (*claims)(char first_byte);
    struct session *(*open)(const struct session_io *io); /* io is copied; never NULL */
    /* Takes whole requests off the front of in and sets *used. */
    enum feed (*feed)(struct session *session, struct span in, size_t *used);
    size_t (*pending)(const struct session *session); /* requests not answered yet */
    bool (*is_full)(const struct session *session);   /* takes no more before some are answered */
    size_t (*buffered_bytes)(
        const struct session *session); /* bytes of it, besides those in out; may be NULL */
    void (*output_drained)(
        struct session *session); /* the client has read all of out; may be NULL */
    /* The client has read some of out and not all; may be NULL. */
    void (*output_progressed)(struct session *session);
    void (*close)(struct session **session); /* cancels what is under way; NULLs the pointer */
};

/* The protocol that speaks on a listener of this mode to a client whose first byte is given, or
 * NULL where none claims it. */
const struct protocol_ops *protocol_find(enum listen_mode mode, char first_byte);

extern const struct protocol_ops protocol_socketmap;
extern const struct protocol_ops protocol_dict;
extern const struct protocol_ops protocol_control;

/* The table of that name, if this listener serves it; NULL otherwise. */
struct table *service_find_table(const struct service *service, struct span name);
/* A client asked for a table of that name, and there is none: told once a minute, with a count. */
void service_tell_unknown(struct service *service, const char *proto, struct span name);
/* A client that has read nothing for so long while answers wait for it is disconnected. */
uint32_t service_reply_timeout_ms(const struct service *service);

#endif
