/* http_kept.h - the kept connections over unix sockets, which no port tells apart: libcurl does not
 * say on which of them it is about to ask. So each of them that is of no use is ended before it can
 * choose one. Private to src/backend. */
#ifndef PODOP_BACKEND_HTTP_KEPT_H
#define PODOP_BACKEND_HTTP_KEPT_H

#include <stddef.h>

struct http_kept {
    int *fds;
    size_t count, room;
};

void http_kept_deinit(struct http_kept *kept);
void http_kept_add(struct http_kept *kept, int fd);    /* nothing is under way on it now */
void http_kept_remove(struct http_kept *kept, int fd); /* in use or closed; not there: fine */

/* Shuts down every one on which there is something to read: bytes that nobody asked for, or its
 * end. libcurl closes it instead of asking on it. */
void http_kept_end_unusable(const struct http_kept *kept);

#endif
