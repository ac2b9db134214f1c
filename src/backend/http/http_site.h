/* http_site.h - what the client needs of sites and hosts. Private to src/backend/http. */
#ifndef PODOP_BACKEND_HTTP_HTTP_SITE_H
#define PODOP_BACKEND_HTTP_HTTP_SITE_H

#include "http_types.h"

/* Raises libcurl's own limit, so that it closes no connection that the pools allow. */
void http_site_allow_connections(struct http *http);

#endif
