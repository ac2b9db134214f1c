/* log_writer.h - a thread that writes log lines to stderr, so that nobody else waits for whatever
 * stderr is: a terminal that is stopped, a pipe that nobody reads, a full disk. stderr may be
 * shared with other processes, so it is never made non-blocking. */
#ifndef PODOP_BASE_LOG_WRITER_H
#define PODOP_BASE_LOG_WRITER_H

#include "podop/span.h"

#include <stdint.h>

struct log_writer;

/* What the line that tells of a loss looks like; copied with each line. */
struct log_loss {
    unsigned format; /* enum log_format */
    bool has_time;
};
struct buf;
/* Appends that line, its line feed included. Called by the thread, so it looks at nothing else. */
typedef void log_loss_fn(struct buf *out, struct log_loss how, uint64_t lost);

/* Starts the thread. NULL: there can be none. */
struct log_writer *log_writer_new(log_loss_fn *add_loss);

/* Queues one line, line feed included; never blocks. What has no room is counted, and one line says
 * so, in its place, as soon as it can be written. */
void log_writer_add(struct log_writer *writer, struct span line, struct log_loss how);

/* Writes what is queued, for as long as it is taken and at most LOG_WRITER_END_MS. *writer becomes
 * NULL; a NULL *writer is fine. */
enum { LOG_WRITER_END_MS = 1000 };
void log_writer_free(struct log_writer **writer);

#endif
