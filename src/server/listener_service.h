/* listener_service.h - the service of one listener for its sessions: its settings, and the tables
 * of the current router that it serves. */
#ifndef PODOP_SERVER_LISTENER_SERVICE_H
#define PODOP_SERVER_LISTENER_SERVICE_H

#include "podop/protocol.h"
#include "podop/rate_limit.h"
#include "podop/router.h"

struct listener_service {
    struct service base;
    const struct router *router; /* borrowed; NULL: podop no longer serves this listener */
    struct config *config;       /* a reference; base.listen is in it */
    uint32_t longest_timeout_ms; /* of the tables that are served, but at least 1 s */
    struct rate_limit unknown_limit;
    uint64_t unknown_tables; /* requests for tables that do not exist */
};

/* Returns a new service. The first reference is the caller's. */
struct listener_service *listener_service_new(struct config *config,
                                              const struct listen_config *listen, struct log *log);
void listener_service_unref(struct listener_service **service); /* *service becomes NULL */
/* Set the router, which is borrowed, or the settings, for all requests from now on. */
void listener_service_set_router(struct listener_service *service, const struct router *router);
void listener_service_set_config(struct listener_service *service, struct config *config,
                                 const struct listen_config *listen);

/* Returns how long a client may read nothing while replies wait for it. */
uint32_t listener_service_reply_timeout_ms(const struct listener_service *service);

#endif
