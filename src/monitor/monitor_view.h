/* monitor_view.h - what documents are made of: the parts of podop that have a state to show. */
#ifndef PODOP_MONITOR_MONITOR_VIEW_H
#define PODOP_MONITOR_MONITOR_VIEW_H

#include "podop/http.h"
#include "podop/router.h"

/* Borrowed for the call that gets it, since a reload replaces the router. */
struct monitor_view {
    struct ev_loop *loop;
    const struct http *http;
    const struct router *router;
    bool is_stopping;
};

#endif
