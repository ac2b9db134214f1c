#include "pipe_file.h"

#include "descriptor.h"
#include "faults.h"

#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

struct pipe_file {
    struct sim_file file;
    struct stream_end *end;
};

static struct stream_end *end_of(struct sim_file *file)
{
    return CONTAINER_OF(file, struct pipe_file, file)->end;
}

static ssize_t receive(struct sim_file *file, void *to, size_t max, int flags)
{
    struct stream_end *end = end_of(file);

    if (end->in.arrived > 0 && fault_hits(FAULT_WOULD_BLOCK))
        return -EAGAIN;
    return stream_receive(end, to, fault_shorten(max), (flags & MSG_PEEK) != 0);
}

static ssize_t send_bytes(struct sim_file *file, const void *bytes, size_t len)
{
    if (fault_hits(FAULT_WOULD_BLOCK))
        return -EAGAIN;
    return stream_send(end_of(file), bytes, len);
}

static uint32_t events(struct sim_file *file)
{
    return stream_events(CONTAINER_OF(file, struct pipe_file, file)->end);
}

static void free_pipe(struct sim_file *file)
{
    struct pipe_file *pipe = CONTAINER_OF(file, struct pipe_file, file);

    stream_close(pipe->end);
    free(pipe);
}

static const struct file_ops pipe_ops = {.name = "pipe",
                                         .may_be_spurious = true,
                                         .receive = receive,
                                         .send = send_bytes,
                                         .events = events,
                                         .free = free_pipe};

static void wake(void *arg)
{
    struct pipe_file *pipe = arg;

    file_wake(&pipe->file);
}

static const struct stream_owner_ops owner_ops = {wake, wake};

int pipe_file_open(struct stream_end *end, int status_flags)
{
    struct pipe_file *pipe = xcalloc(1, sizeof(*pipe));
    int fd;

    file_init(&pipe->file, &pipe_ops, status_flags);
    pipe->end = end;
    fd = descriptor_open(&pipe->file, DESCRIPTOR_FIRST);
    if (fd < 0)
        free(pipe);
    else
        stream_own(end, &owner_ops, pipe);
    return fd;
}

int pipe_open(int ends[2], int flags)
{
    static const struct sim_route none;
    static const int errors[] = {EMFILE, ENFILE};
    const int error = fault_error(FAULT_NO_DESCRIPTOR, errors, 2);
    struct stream *stream;

    if (error != 0)
        return -error;
    stream = stream_new(STREAM_PIPE, &none);
    ends[0] = pipe_file_open(&stream->ends[0], flags & O_NONBLOCK);
    ends[1] = ends[0] < 0 ? ends[0] : pipe_file_open(&stream->ends[1], flags & O_NONBLOCK);
    if (ends[1] >= 0)
        return 0;
    if (ends[0] >= 0)
        descriptor_close(ends[0]);
    else
        stream_close(&stream->ends[0]);
    stream_close(&stream->ends[1]);
    return ends[1];
}
