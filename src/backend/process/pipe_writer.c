#include "pipe_writer.h"

#include <errno.h>
#include <unistd.h>

enum { KEPT_BYTES = 64 * 1024 }; /* an empty buffer that is larger is freed */

void pipe_writer_init(struct pipe_writer *w)
{
    *w = (struct pipe_writer){.at = 0};
    buf_init(&w->bytes, PIPE_ADDITION_BYTES_MAX);
}

void pipe_writer_deinit(struct pipe_writer *w)
{
    buf_deinit(&w->bytes);
    w->at = 0;
}

/* Removes written bytes if they are more than half of the buffer. */
static void drop_written(struct pipe_writer *w)
{
    if (w->at > w->bytes.len / 2) {
        buf_drop(&w->bytes, w->at);
        w->at = 0;
    }
}

bool pipe_writer_add(struct pipe_writer *w, struct span bytes)
{
    const size_t waiting = w->bytes.len - w->at;

    if (waiting > 0 &&
        (bytes.len > PIPE_QUEUE_BYTES_MAX || waiting > PIPE_QUEUE_BYTES_MAX - bytes.len))
        return false;
    drop_written(w);
    buf_add(&w->bytes, bytes);
    if (w->bytes.is_over) {
        w->bytes.is_over = false;
        return false;
    }
    w->queued += bytes.len;
    return true;
}

enum pipe_write pipe_writer_flush(struct pipe_writer *w, int fd)
{
    const size_t left = w->bytes.len - w->at;
    const ssize_t n = left == 0 ? 0 : write(fd, w->bytes.ptr + w->at, left);

    if (n == -1 && errno != EAGAIN && errno != EINTR)
        return PIPE_BROKEN;
    if (n > 0) {
        w->at += (size_t)n;
        w->written += (uint64_t)n;
    }
    if (w->at < w->bytes.len)
        return PIPE_BLOCKED;
    w->at = 0;
    buf_clear(&w->bytes);
    if (w->bytes.cap > KEPT_BYTES)
        buf_deinit(&w->bytes);
    return PIPE_EMPTY;
}
