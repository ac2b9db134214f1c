/* file_watch.c - when to scan, and what a scan means:
 *
 *   an event of inotify, or time --> a moment later, a scan --> a file differs --> a moment later,
 *   a scan --> it is still the same --> its owners are told
 *
 * The loop reads no events: until the next scan it does not listen, so that a directory in which
 * much happens costs a few scans a second. */
#include "podop/file_watch.h"

#include "file_scan.h"

#include "podop/log.h"
#include "podop/worker.h"

#include <ev.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    SETTLE_MS = 100,      /* a file that was the same for so long is written */
    HINT_MIN_MS = 20,     /* from an event to the scan; */
    HINT_MAX_MS = 1000,   /* longer while the events are about other files */
    POLL_MS = 3000,       /* between scans while some directory cannot be watched */
    CHECK_MS = 60 * 1000, /* between scans otherwise: inotify does not see other machines */
};

/* One file, shared by all of its owners. */
struct watched_path {
    struct list_node node; /* in file_watch.paths */
    unsigned refs;         /* of owners and of the scan */
    unsigned owners;
    char *path; /* never changes, so the thread may read it */
    struct file_state state;
};

struct watched_files {
    struct list_node node; /* in file_watch.owners */
    struct file_watch *watch;
    file_watch_fn *changed;
    void *arg;
    bool is_due; /* changed is to be called */
    size_t count;
    struct watched_path *paths[];
};

/* A scan under way: the thread owns it. */
struct scan_job {
    struct worker_job job;
    struct file_watch *watch;
    struct file_scan *scan;
    size_t count;
    struct scanned {
        struct watched_path *path; /* a reference */
        struct file_identity found;
    } items[];
};

struct file_watch {
    struct ev_loop *loop;
    struct log *log;
    struct worker *worker;
    struct list paths, owners;
    struct file_scan scan; /* used by the thread while a scan is under way */
    bool is_scanning;
    bool is_wanted;  /* another scan after the one under way */
    bool was_hinted; /* an event has caused the next scan */
    uint64_t hint_ms;
    int logged_failure; /* errno of the last warning */
    ev_io hint;         /* an event can be read from scan.fd */
    ev_timer next;      /* the next scan */
};

/* Paths */

static struct watched_path *find_path(const struct file_watch *watch, const char *path)
{
    LIST_FOR_EACH (at, &watch->paths) {
        struct watched_path *p = CONTAINER_OF(at, struct watched_path, node);

        if (strcmp(p->path, path) == 0)
            return p;
    }
    return NULL;
}

static struct watched_path *path_new(struct file_watch *watch, const char *path)
{
    struct watched_path *p = xcalloc(1, sizeof(*p));

    p->path = xstrdup(path);
    list_append(&watch->paths, &p->node);
    return p;
}

/* The file is new for this owner, so that a scan tells all owners of it. */
static struct watched_path *path_own(struct file_watch *watch, const char *path)
{
    struct watched_path *p = find_path(watch, path);

    if (p == NULL)
        p = path_new(watch, path);
    p->refs++;
    p->owners++;
    file_state_init(&p->state);
    return p;
}

static void path_unref(struct watched_path *p)
{
    if (--p->refs > 0)
        return;
    list_remove(&p->node);
    free(p->path);
    free(p);
}

/* When to scan */

static void scan_in(struct file_watch *watch, uint64_t ms)
{
    const double seconds = (double)ms / 1000.0;

    if (ev_is_active(&watch->next) && ev_timer_remaining(watch->loop, &watch->next) <= seconds)
        return;
    ev_timer_stop(watch->loop, &watch->next);
    ev_timer_set(&watch->next, seconds, 0.0);
    ev_timer_start(watch->loop, &watch->next);
}

static void on_hint(struct ev_loop *loop, ev_io *w, int revents)
{
    struct file_watch *watch = w->data;

    (void)revents;
    ev_io_stop(loop, w);
    watch->was_hinted = true;
    scan_in(watch, watch->hint_ms);
}

static uint64_t pause_ms(const struct file_watch *watch)
{
    return watch->scan.fd == -1 || watch->scan.failure != 0 ? POLL_MS : CHECK_MS;
}

/* What a scan means */

static void mark_owners(const struct file_watch *watch, const struct watched_path *path)
{
    LIST_FOR_EACH (at, &watch->owners) {
        struct watched_files *files = CONTAINER_OF(at, struct watched_files, node);

        for (size_t i = 0; i < files->count; i++)
            files->is_due |= files->paths[i] == path;
    }
}

static struct watched_files *find_due(const struct file_watch *watch)
{
    LIST_FOR_EACH (at, &watch->owners) {
        struct watched_files *files = CONTAINER_OF(at, struct watched_files, node);

        if (files->is_due)
            return files;
    }
    return NULL;
}

/* Each may remove any owner. */
static void call_owners(const struct file_watch *watch)
{
    struct watched_files *files;

    while ((files = find_due(watch)) != NULL) {
        files->is_due = false;
        files->changed(files->arg);
    }
}

/* Takes what the scan has found. Returns whether a file may still be changing. */
static bool take_found(const struct file_watch *watch, const struct scan_job *s)
{
    bool is_settling = false;

    for (size_t i = 0; i < s->count; i++) {
        struct watched_path *p = s->items[i].path;

        if (p->owners > 0 && file_state_take(&p->state, &s->items[i].found))
            mark_owners(watch, p);
        is_settling |= p->owners > 0 && p->state.is_settling;
    }
    return is_settling;
}

/* A directory that podop may not read is no fault: its files are looked at instead. */
static void log_failure(struct file_watch *watch, int failure)
{
    if (failure == EACCES || failure == watch->logged_failure)
        return;
    watch->logged_failure = failure;
    if (failure != 0)
        log_warning(watch->log, "watch_limited", LOG_STR("reason", strerror(failure)),
                    LOG_UINT("seconds", POLL_MS / 1000));
}

/* Waits longer after each event that was about other files. */
static void set_hint(struct file_watch *watch, bool has_found)
{
    watch->hint_ms = has_found || !watch->was_hinted ? HINT_MIN_MS : 2 * watch->hint_ms;
    if (watch->hint_ms > HINT_MAX_MS)
        watch->hint_ms = HINT_MAX_MS;
    watch->was_hinted = false;
}

static void plan_next(struct file_watch *watch, bool is_settling)
{
    if (watch->is_wanted)
        scan_in(watch, 0);
    else if (is_settling)
        scan_in(watch, SETTLE_MS);
    else if (!list_is_empty(&watch->owners))
        scan_in(watch, pause_ms(watch));
    watch->is_wanted = false;
    if (watch->scan.fd != -1 && !list_is_empty(&watch->owners))
        ev_io_start(watch->loop, &watch->hint);
}

/* Scans */

static void run_scan(struct worker_job *job)
{
    struct scan_job *s = CONTAINER_OF(job, struct scan_job, job);

    file_scan_begin(s->scan);
    for (size_t i = 0; i < s->count; i++)
        s->items[i].found = file_scan_look(s->scan, s->items[i].path->path);
    file_scan_end(s->scan);
}

static void on_scanned(struct worker_job *job)
{
    struct scan_job *s = CONTAINER_OF(job, struct scan_job, job);
    struct file_watch *watch = s->watch;
    const bool is_settling = take_found(watch, s);

    watch->is_scanning = false;
    for (size_t i = 0; i < s->count; i++)
        path_unref(s->items[i].path);
    free(s);
    if (watch->scan.fd != -1)
        log_failure(watch, watch->scan.failure);
    set_hint(watch, is_settling || find_due(watch) != NULL);
    plan_next(watch, is_settling);
    call_owners(watch);
}

/* Without inotify, the files are only looked at, and each scan tries again. */
static void begin_watching(struct file_watch *watch)
{
    watch->scan.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    if (watch->scan.fd == -1) {
        log_failure(watch, errno);
        return;
    }
    ev_io_init(&watch->hint, on_hint, watch->scan.fd, EV_READ);
    watch->hint.data = watch;
}

static void start_scan(struct file_watch *watch)
{
    const size_t room = list_count(&watch->paths);
    struct scan_job *s = xcalloc(1, sizeof(*s) + room * sizeof(s->items[0]));

    if (watch->scan.fd == -1 && !list_is_empty(&watch->owners))
        begin_watching(watch);
    s->job = (struct worker_job){.run = run_scan, .done = on_scanned};
    s->watch = watch;
    s->scan = &watch->scan;
    LIST_FOR_EACH (at, &watch->paths) {
        struct watched_path *p = CONTAINER_OF(at, struct watched_path, node);

        p->refs++;
        s->items[s->count++].path = p;
    }
    watch->is_scanning = true;
    worker_add(watch->worker, &s->job);
}

static void on_next(struct ev_loop *loop, ev_timer *w, int revents)
{
    struct file_watch *watch = w->data;

    (void)loop;
    (void)revents;
    if (watch->is_scanning)
        watch->is_wanted = true;
    else
        start_scan(watch);
}

/* Owners */

struct watched_files *file_watch_add(struct file_watch *watch, const char *const *paths,
                                     size_t count, file_watch_fn *changed, void *arg)
{
    struct watched_files *files =
        xcalloc(1, sizeof(*files) + count * sizeof(struct watched_path *));

    files->watch = watch;
    files->changed = changed;
    files->arg = arg;
    for (size_t i = 0; i < count; i++) {
        if (paths[i] != NULL)
            files->paths[files->count++] = path_own(watch, paths[i]);
    }
    list_append(&watch->owners, &files->node);
    scan_in(watch, 0);
    return files;
}

/* The next scan ends the watches that nobody needs. */
void file_watch_remove(struct watched_files **pfiles)
{
    struct watched_files *files = *pfiles;

    if (files == NULL)
        return;
    *pfiles = NULL;
    list_remove(&files->node);
    for (size_t i = 0; i < files->count; i++) {
        files->paths[i]->owners--;
        path_unref(files->paths[i]);
    }
    scan_in(files->watch, HINT_MAX_MS);
    free(files);
}

/* All files */

struct file_watch *file_watch_new(struct ev_loop *loop, struct log *log)
{
    struct file_watch *watch = xcalloc(1, sizeof(*watch));

    watch->loop = loop;
    watch->log = log;
    watch->worker = worker_new(loop);
    watch->scan.fd = -1;
    watch->hint_ms = HINT_MIN_MS;
    list_init(&watch->paths);
    list_init(&watch->owners);
    ev_timer_init(&watch->next, on_next, 0.0, 0.0);
    watch->next.data = watch;
    return watch;
}

struct worker *file_watch_worker(struct file_watch *watch)
{
    return watch->worker;
}

void file_watch_free(struct file_watch **pwatch)
{
    struct file_watch *watch = *pwatch;

    if (watch == NULL)
        return;
    *pwatch = NULL;
    worker_free(&watch->worker);
    ev_timer_stop(watch->loop, &watch->next);
    if (watch->scan.fd != -1) {
        ev_io_stop(watch->loop, &watch->hint);
        close(watch->scan.fd);
    }
    file_scan_deinit(&watch->scan);
    free(watch);
}
