#include "log_writer.h"

#include "log_queue.h"
#include "podop/mem.h"
#include "podop/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum {
    RETRY_MS = 500, /* after a failed write, for instance to a full disk */
    LOSS_BYTES_MAX = 256,
    KEPT_BYTES_MAX = 64 * 1024, /* a larger buffer is freed when its lines are written */
    WRITE_BYTES_MAX = 4096,     /* PIPE_BUF: lines of several writers to a pipe do not mix */
};

struct log_writer {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* a line was queued, is_ending or has_ended was set */
    /* Protected by the lock: */
    struct log_queue queue;
    struct log_loss how;
    bool is_ending, has_ended;
    bool is_abandoned; /* log_writer_free() has given up waiting: the thread frees the writer */
    /* Used by the thread only: */
    log_loss_fn *add_loss;
    struct buf lines; /* being written */
};

static struct timespec time_after(long ms)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += ms % 1000 * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* Waits for queued lines and takes them. Returns false at the end, when all lines are written. */
static bool take(struct log_writer *w)
{
    struct log_loss how;
    uint64_t lost = 0;
    bool has_lines;

    buf_clear(&w->lines);
    if (w->lines.cap > KEPT_BYTES_MAX)
        buf_deinit(&w->lines);
    pthread_mutex_lock(&w->lock);
    while (log_queue_is_empty(&w->queue) && !w->is_ending)
        pthread_cond_wait(&w->changed, &w->lock);
    has_lines = !log_queue_is_empty(&w->queue);
    if (has_lines)
        lost = log_queue_take(&w->queue, &w->lines);
    how = w->how;
    pthread_mutex_unlock(&w->lock);
    w->lines.max = LOG_QUEUE_BYTES_MAX + LOSS_BYTES_MAX;
    if (lost > 0)
        w->add_loss(&w->lines, how, lost);
    return has_lines;
}

/* Waits before another try, unless the writer is ending. */
static void pause_after_failure(struct log_writer *w)
{
    const struct timespec until = time_after(RETRY_MS);

    pthread_mutex_lock(&w->lock);
    while (!w->is_ending && pthread_cond_timedwait(&w->changed, &w->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&w->lock);
}

static bool is_ending(struct log_writer *w)
{
    bool is_so;

    pthread_mutex_lock(&w->lock);
    is_so = w->is_ending;
    pthread_mutex_unlock(&w->lock);
    return is_so;
}

/* Waits in case another process has made stderr non-blocking. */
static bool wait_for_room(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&out, 1, -1) == 1 && (out.revents & POLLOUT) != 0;
}

/* Returns how many bytes to write at once: whole lines, or a part of a line that is too long. */
static size_t portion(struct span lines)
{
    const char *end;

    if (lines.len <= WRITE_BYTES_MAX)
        return lines.len;
    end = memrchr(lines.ptr, '\n', WRITE_BYTES_MAX);
    return end == NULL ? WRITE_BYTES_MAX : (size_t)(end + 1 - lines.ptr);
}

/* Writes all lines. A partly written line is completed first. Returns false when the writer is
 * ending and a write fails. */
static bool write_lines(struct log_writer *w)
{
    struct span rest = buf_span(&w->lines);

    while (rest.len > 0) {
        const bool is_last_try = is_ending(w);
        ssize_t n = write(STDERR_FILENO, rest.ptr, portion(rest));

        if (n >= 0)
            rest = span_skip(rest, (size_t)n);
        else if (errno == EINTR || (errno == EAGAIN && wait_for_room()))
            continue;
        else if (is_last_try)
            return false;
        else
            pause_after_failure(w);
    }
    return true;
}

static void destroy(struct log_writer *w)
{
    pthread_cond_destroy(&w->changed);
    pthread_mutex_destroy(&w->lock);
    log_queue_deinit(&w->queue);
    buf_deinit(&w->lines);
    free(w);
}

static void *run(void *arg)
{
    struct log_writer *w = arg;
    bool is_abandoned;

    while (take(w) && write_lines(w))
        ;
    pthread_mutex_lock(&w->lock);
    w->has_ended = true;
    is_abandoned = w->is_abandoned;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->lock);
    if (is_abandoned)
        destroy(w);
    return NULL;
}

struct log_writer *log_writer_new(log_loss_fn *add_loss)
{
    struct log_writer *w = xcalloc(1, sizeof(*w));
    pthread_condattr_t attributes;

    w->add_loss = add_loss;
    log_queue_init(&w->queue);
    buf_init(&w->lines, LOG_QUEUE_BYTES_MAX);
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&w->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    if (thread_start(&w->thread, run, w) == 0)
        return w;
    destroy(w);
    return NULL;
}

void log_writer_add(struct log_writer *w, struct span line, struct log_loss how)
{
    pthread_mutex_lock(&w->lock);
    w->how = how;
    log_queue_add(&w->queue, line);
    pthread_cond_signal(&w->changed);
    pthread_mutex_unlock(&w->lock);
}

void log_writer_free(struct log_writer **pwriter)
{
    struct log_writer *w = *pwriter;
    struct timespec until;
    pthread_t thread;
    bool has_ended;

    if (w == NULL)
        return;
    *pwriter = NULL;
    until = time_after(LOG_WRITER_END_MS);
    thread = w->thread;
    pthread_mutex_lock(&w->lock);
    w->is_ending = true;
    pthread_cond_broadcast(&w->changed);
    while (!w->has_ended && pthread_cond_timedwait(&w->changed, &w->lock, &until) == 0)
        ;
    has_ended = w->has_ended;
    w->is_abandoned = !has_ended; /* it hangs in write(2), and may until the process ends */
    pthread_mutex_unlock(&w->lock);
    if (has_ended) {
        pthread_join(thread, NULL);
        destroy(w);
    } else {
        pthread_detach(thread);
    }
}
