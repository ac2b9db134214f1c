#include "log_pipe.h"

#include "events.h"
#include "threads.h"
#include "transcript.h"

#include "podop/buf.h"

#include <stdint.h>
#include <string.h>

static bool is_blocked, is_discarding;
static sim_log_fn *on_line;
static void *on_line_arg;
static struct buf kept; /* the beginning of a line */

void sim_log_read(sim_log_fn *line, void *arg)
{
    on_line = line;
    on_line_arg = arg;
}

void log_pipe_leave(void)
{
    is_discarding = true;
    threads_run_promptly();
    is_discarding = false;
}

void sim_log_block(bool blocks)
{
    is_blocked = blocks;
    transcript_note("the log", "blocks:", blocks);
}

bool log_pipe_is_blocked(void)
{
    return is_blocked;
}

static bool has_room(void *arg)
{
    (void)arg;
    return !is_blocked || is_discarding;
}

static void take_line(void)
{
    const char *line = buf_string(&kept);

    sim_trace("log: %s", line);
    if (on_line != NULL)
        on_line(on_line_arg, line);
    buf_clear(&kept);
}

ssize_t log_pipe_write(const void *bytes, size_t len)
{
    struct span rest = {bytes, len};
    const char *end;

    threads_wait(has_room, NULL, NEVER_NS);
    if (is_discarding)
        return (ssize_t)len;
    kept.max = SIZE_MAX;
    while ((end = memchr(rest.ptr, '\n', rest.len)) != NULL) {
        const size_t n = (size_t)(end - rest.ptr);

        buf_add(&kept, (struct span){rest.ptr, n});
        take_line();
        rest = span_skip(rest, n + 1);
    }
    buf_add(&kept, rest);
    return (ssize_t)len;
}
