#include "client_output.h"

#include "client_unread.h"

#include "podop/socket_io.h"

#include <errno.h>

enum { SPARE_OUT_BYTES_MAX = 4096 }; /* larger buffers are freed at once */

/* The session limits its answers: to the limits of reply_queue.h, and one reply of any size. */
#define OUT_BYTES_UNLIMITED SIZE_MAX

void client_output_init(struct client *c)
{
    buf_init(&c->out, OUT_BYTES_UNLIMITED);
}

void client_output_prepare(struct client *c)
{
    struct clients *clients = c->clients;

    if (c->out.ptr == NULL && clients->spare_out_count > 0)
        c->out = clients->spare_outs[--clients->spare_out_count];
}

void client_output_release(struct client *c)
{
    struct clients *clients = c->clients;

    if (c->out.cap > SPARE_OUT_BYTES_MAX || clients->spare_out_count == SPARE_OUTS_MAX) {
        buf_deinit(&c->out);
    } else if (c->out.ptr != NULL) {
        clients->spare_outs[clients->spare_out_count++] = c->out;
        client_output_init(c);
    }
}

bool client_output_flush(struct client *c)
{
    ssize_t n;

    if (c->out.len == 0) {
        client_output_release(c);
        return true;
    }
    n = socket_send(c->io.fd, c->out.ptr, c->out.len, MSG_NOSIGNAL);
    if (n == -1 && errno != EAGAIN && errno != EINTR)
        return false;
    if (n > 0) {
        c->clients->turns.cost += (size_t)n;
        buf_drop(&c->out, (size_t)n);
    }
    if (c->out.len > 0 || deadline_is_running(&c->unread_deadline))
        client_unread_watch(c, n > 0);
    if (c->out.len == 0)
        client_output_release(c);
    return true;
}

void client_output_free_spares(struct clients *clients)
{
    while (clients->spare_out_count > 0)
        buf_deinit(&clients->spare_outs[--clients->spare_out_count]);
}
