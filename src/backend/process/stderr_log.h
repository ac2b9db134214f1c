/* stderr_log.h - what a program writes to its standard error, line by line into podop's log. */
#ifndef PODOP_BACKEND_PROCESS_STDERR_LOG_H
#define PODOP_BACKEND_PROCESS_STDERR_LOG_H

#include "podop/log.h"

enum {
    STDERR_LINE_BYTES_MAX = 512, /* of a line; the rest of it is cut */
    STDERR_LINES_MAX = 20,       /* in a second; more are counted and dropped */
};

/* Zeroed at the start. */
struct stderr_log {
    char line[STDERR_LINE_BYTES_MAX];
    size_t len;
    bool has_more;         /* of the line than fits */
    char last[200];        /* line, "" for none; for the reason of a death */
    uint64_t second_at_ms; /* when the second began that lines are counted in */
    unsigned lines;        /* in it */
    uint64_t dropped;      /* and not told of yet */
};

/* More bytes came from the process pid of a table. */
void stderr_log_read(struct stderr_log *stderr_log, struct span bytes, struct log *log,
                     const char *table, uint64_t pid, uint64_t now_ms);
/* No more will come: what is left is told, and stderr_log is as at the start but for last. */
void stderr_log_end(struct stderr_log *stderr_log, struct log *log, const char *table, uint64_t pid,
                    uint64_t now_ms);

#endif
