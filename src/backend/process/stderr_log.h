/* stderr_log.h - logs the standard error of a program line by line. Private to
 * src/backend/process. */
#ifndef PODOP_BACKEND_PROCESS_STDERR_LOG_H
#define PODOP_BACKEND_PROCESS_STDERR_LOG_H

#include "podop/log.h"

enum {
    STDERR_LINE_BYTES_MAX = 512, /* of a line; the rest of it is not logged */
    STDERR_LINES_MAX = 20,       /* logged in a second; more are counted */
};

/* Zeroed at the start. */
struct stderr_log {
    char line[STDERR_LINE_BYTES_MAX];
    size_t len;
    bool is_cut;           /* the line is longer than STDERR_LINE_BYTES_MAX */
    char last[200];        /* the beginning of the last line, or "" */
    uint64_t second_at_ms; /* when the second began in which lines are counted */
    unsigned lines;        /* in that second */
    uint64_t dropped;      /* lines that were not logged, since the number was last logged */
};

/* Takes bytes that the process pid of a table has written. */
void stderr_log_read(struct stderr_log *stderr_log, struct span bytes, struct log *log,
                     const char *table, uint64_t pid, uint64_t now_ms);
/* Logs a last line without a line feed, and the number of dropped lines. After that, all of
 * stderr_log but last is as at the start. */
void stderr_log_end(struct stderr_log *stderr_log, struct log *log, const char *table, uint64_t pid,
                    uint64_t now_ms);

#endif
