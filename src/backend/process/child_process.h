/* child_process.h - a running program on an event loop: its lines, its input, its standard error
 * and its end. Private to src/backend/process. */
#ifndef PODOP_BACKEND_PROCESS_CHILD_PROCESS_H
#define PODOP_BACKEND_PROCESS_CHILD_PROCESS_H

#include "line_buffer.h"
#include "pipe_writer.h"
#include "spawn.h"
#include "stderr_log.h"

#include <ev.h>

/*
 *   NONE -- start() --> SERVING -- discard() --> DISCARDING
 *    ^                     |                         |
 *    |                     +-- end_service() --> SILENT
 *    |                     |                       | |
 *    +--- has ended -------+-----------------------+-+
 */
enum child_state {
    CHILD_NONE,       /* not started, or ended and reaped */
    CHILD_SERVING,    /* podop writes to it, and its lines are reported */
    CHILD_DISCARDING, /* its input is closed, and its lines are dropped */
    CHILD_SILENT,     /* its input is closed, and its output is not read */
};

struct child_process;

/* line() and broken() are called only while SERVING, ended() in any state. Each may call any
 * function below. */
struct child_events {
    /* Takes a line without its line feed. Returns false with err set when the line breaks the
     * protocol. */
    bool (*line)(struct child_process *child, struct span line, struct error *err);
    /* Reports a line that breaks the protocol; or, with a NULL reason, that the program has
     * closed its input or its output. Mostly it has ended, too, and ended() follows. */
    void (*broken)(struct child_process *child, const char *reason);
    /* Reports that the program has ended and is reaped. Called last. */
    void (*ended)(struct child_process *child, int status);
};

/* The memory belongs to the owner. */
struct child_process {
    struct ev_loop *loop;
    struct log *log;
    const char *table; /* for the log */
    const struct child_events *events;
    enum child_state state;
    struct spawned spawned;
    ev_io exit, read, write, read_stderr;
    struct line_buffer in;
    struct pipe_writer out;
    struct stderr_log stderr_log;
};

/* Initialises child, in state NONE. All pointers are borrowed. line_max limits the bytes of a
 * line. */
void child_process_init(struct child_process *child, struct ev_loop *loop, struct log *log,
                        const char *table, size_t line_max, const struct child_events *events);

/* Starts the program in state NONE. Returns 0, or -1 with ERR_SYSTEM. */
int child_process_start(struct child_process *child, const char *path, char *const argv[],
                        struct error *err);
/* Queues a copy of lines while SERVING. Returns false when the program reads too slowly. */
bool child_process_send(struct child_process *child, struct span lines);
void child_process_discard(struct child_process *child);     /* while SERVING */
void child_process_end_service(struct child_process *child); /* likewise, or while SILENT */
void child_process_kill(const struct child_process *child);  /* unless NONE */
/* Stops watching the process and closes its pipes, even if it has not ended. The state becomes
 * NONE. */
void child_process_abandon(struct child_process *child);

#endif
