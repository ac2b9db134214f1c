/* pipe_writer.h - a bounded queue of bytes for a pipe whose reader may be slow. Private to
 * src/backend/process. */
#ifndef PODOP_BACKEND_PROCESS_PIPE_WRITER_H
#define PODOP_BACKEND_PROCESS_PIPE_WRITER_H

#include "podop/buf.h"

enum {
    PIPE_QUEUE_BYTES_MAX = 4 << 20,    /* waiting; the first addition may be longer */
    PIPE_ADDITION_BYTES_MAX = 64 << 20 /* of one addition */
};

struct pipe_writer {
    struct buf bytes;
    size_t at;                /* how many of the bytes are written */
    uint64_t queued, written; /* in total */
};

enum pipe_write {
    PIPE_EMPTY,   /* all is written */
    PIPE_BLOCKED, /* the pipe is full: try again when it can be written to */
    PIPE_BROKEN,  /* the reader has closed its end */
};

void pipe_writer_init(struct pipe_writer *writer);
/* Forgets the bytes. The totals stay until the next init. */
void pipe_writer_deinit(struct pipe_writer *writer);

/* Queues a copy of the bytes. Returns false when they would be too many; then none is queued. */
bool pipe_writer_add(struct pipe_writer *writer, struct span bytes);
/* Writes once to fd, which must not block. */
enum pipe_write pipe_writer_flush(struct pipe_writer *writer, int fd);

#endif
