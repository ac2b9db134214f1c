#include "stderr_log.h"

#include <stdio.h>

enum { SECOND_MS = 1000 };

static void log_dropped(struct stderr_log *s, struct log *log, const char *table, uint64_t pid)
{
    if (s->dropped == 0)
        return;
    log_info(log, "program_lines_lost", LOG_STR("table", table), LOG_UINT("pid", pid),
             LOG_UINT("lines", s->dropped));
    s->dropped = 0;
}

/* Counts one more line, and returns whether it may be logged. */
static bool may_log(struct stderr_log *s, struct log *log, const char *table, uint64_t pid,
                    uint64_t now_ms)
{
    if (now_ms - s->second_at_ms >= SECOND_MS) {
        s->second_at_ms = now_ms;
        s->lines = 0;
        log_dropped(s, log, table, pid);
    }
    return s->lines++ < STDERR_LINES_MAX;
}

static void end_line(struct stderr_log *s, struct log *log, const char *table, uint64_t pid,
                     uint64_t now_ms)
{
    const struct span text = {s->line, s->len};

    if (s->len > 0) {
        snprintf(s->last, sizeof(s->last), "%.*s", (int)s->len, s->line);
        if (!may_log(s, log, table, pid, now_ms))
            s->dropped++;
        else if (s->is_cut)
            log_info(log, "program_says", LOG_STR("table", table), LOG_UINT("pid", pid),
                     LOG_SPAN("text", text), LOG_STR("cut", "yes"));
        else
            log_info(log, "program_says", LOG_STR("table", table), LOG_UINT("pid", pid),
                     LOG_SPAN("text", text));
    }
    s->len = 0;
    s->is_cut = false;
}

void stderr_log_read(struct stderr_log *s, struct span bytes, struct log *log, const char *table,
                     uint64_t pid, uint64_t now_ms)
{
    for (size_t i = 0; i < bytes.len; i++) {
        if (bytes.ptr[i] == '\n')
            end_line(s, log, table, pid, now_ms);
        else if (s->len < sizeof(s->line))
            s->line[s->len++] = bytes.ptr[i];
        else
            s->is_cut = true;
    }
}

void stderr_log_end(struct stderr_log *s, struct log *log, const char *table, uint64_t pid,
                    uint64_t now_ms)
{
    end_line(s, log, table, pid, now_ms);
    log_dropped(s, log, table, pid);
    s->lines = 0;
    s->second_at_ms = 0;
}
