#include "http_kept.h"

#include "podop/mem.h"

#include <stdlib.h>
#include <sys/socket.h>

void http_kept_deinit(struct http_kept *kept)
{
    free(kept->fds);
    *kept = (struct http_kept){0};
}

void http_kept_add(struct http_kept *kept, int fd)
{
    http_kept_remove(kept, fd);
    if (kept->count == kept->room) {
        kept->room = 2 * kept->room + 1;
        kept->fds = xreallocarray(kept->fds, kept->room, sizeof(*kept->fds));
    }
    kept->fds[kept->count++] = fd;
}

void http_kept_remove(struct http_kept *kept, int fd)
{
    for (size_t i = 0; i < kept->count; i++) {
        if (kept->fds[i] == fd) {
            kept->fds[i] = kept->fds[--kept->count];
            return;
        }
    }
}

void http_kept_end_unusable(const struct http_kept *kept)
{
    char byte;

    for (size_t i = 0; i < kept->count; i++) {
        if (recv(kept->fds[i], &byte, 1, MSG_PEEK | MSG_DONTWAIT) != -1)
            shutdown(kept->fds[i], SHUT_RDWR);
    }
}
