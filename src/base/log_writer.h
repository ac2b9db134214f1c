/* log_writer.h - a thread that writes log lines to stderr, so that the loop never waits for a
 * stopped terminal, a pipe without a reader or a slow disk. stderr may be shared with other
 * processes, so it is not made non-blocking. */
#ifndef PODOP_BASE_LOG_WRITER_H
#define PODOP_BASE_LOG_WRITER_H

#include "podop/span.h"

#include <stdint.h>

struct log_writer;

/* The form of the line that reports lost lines; copied with each line. */
struct log_loss {
    unsigned format; /* enum log_format */
    bool has_time;
};
struct buf;
/* Appends that line and a line feed. The thread calls it, so it must use its arguments only. */
typedef void log_loss_fn(struct buf *out, struct log_loss how, uint64_t lost);

/* Starts the thread. Returns NULL if the system allows no further thread. */
struct log_writer *log_writer_new(log_loss_fn *add_loss);

/* Queues one line with its line feed. Never blocks. Lines that do not fit are dropped and counted,
 * and a line in their place reports the count. */
void log_writer_add(struct log_writer *writer, struct span line, struct log_loss how);

/* Writes the queued lines for at most LOG_WRITER_END_MS, then frees the writer. *writer becomes
 * NULL; a NULL *writer is allowed. */
enum { LOG_WRITER_END_MS = 1000 };
void log_writer_free(struct log_writer **writer);

#endif
