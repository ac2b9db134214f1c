#include "file_scan.h"

#include "podop/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

enum {
    NEVER_SEEN = -1, /* file_identity.failure of no file */
    READS_MAX = 256,
    LINKS_MAX = 40, /* as the kernel has it */
    /* of every directory: the next part of the path may become another file */
    ENTRIES = IN_CREATE | IN_DELETE | IN_MOVE | IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF,
    CONTENT = IN_CLOSE_WRITE, /* of the directory of the file itself */
};

/* Identities */

static bool is_same_time(struct timespec a, struct timespec b)
{
    return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool file_identity_equal(const struct file_identity *a, const struct file_identity *b)
{
    return a->failure == b->failure && a->device == b->device && a->inode == b->inode &&
           a->size == b->size && is_same_time(a->modified, b->modified) &&
           is_same_time(a->changed, b->changed);
}

static struct file_identity identify(const char *path)
{
    struct stat info;

    if (stat(path, &info) == -1)
        return (struct file_identity){.failure = errno};
    return (struct file_identity){
        .device = info.st_dev,
        .inode = info.st_ino,
        .size = info.st_size,
        .modified = info.st_mtim,
        .changed = info.st_ctim,
    };
}

void file_state_init(struct file_state *state)
{
    *state = (struct file_state){.known.failure = NEVER_SEEN};
}

bool file_state_take(struct file_state *state, const struct file_identity *found)
{
    const bool is_same = state->is_settling && file_identity_equal(&state->next, found);

    state->is_settling = !file_identity_equal(&state->known, found);
    state->next = *found;
    if (!state->is_settling || !is_same)
        return false;
    state->is_settling = false;
    state->known = *found;
    return true;
}

/* Watches */

/* Returns whether this scan has the watch. */
static bool has_watch(const struct file_scan *scan, int watch)
{
    for (size_t i = scan->before; i < scan->count; i++) {
        if (scan->watches[i] == watch)
            return true;
    }
    return false;
}

static void keep_watch(struct file_scan *scan, int watch)
{
    if (has_watch(scan, watch))
        return;
    if (scan->count == scan->room) {
        scan->room = scan->room == 0 ? 16 : scan->room * 2;
        scan->watches = xreallocarray(scan->watches, scan->room, sizeof(*scan->watches));
    }
    scan->watches[scan->count++] = watch;
}

/* A directory that does not exist appears in the one above it, which is watched already. */
static void watch_directory(struct file_scan *scan, const char *directory, bool is_last)
{
    const uint32_t events = ENTRIES | (is_last ? CONTENT : 0) | IN_ONLYDIR | IN_MASK_ADD;
    int watch;

    if (scan->fd == -1)
        return;
    watch = inotify_add_watch(scan->fd, directory, events);
    if (watch != -1)
        keep_watch(scan, watch);
    else if (errno != ENOENT && errno != ENOTDIR)
        scan->failure = errno;
}

/* The way to a file */

/* The directory that is resolved so far, and what is left of the path. */
struct way {
    char at[PATH_MAX], rest[PATH_MAX];
};

static bool set_text(char out[PATH_MAX], const char *a, const char *between, const char *b)
{
    const int len = snprintf(out, PATH_MAX, "%s%s%s", a, between, b);

    return len >= 0 && len < PATH_MAX;
}

/* Sets where the rest of the path begins. */
static void set_begin(struct way *way)
{
    if (way->rest[0] == '/')
        set_text(way->at, "/", "", "");
    else if (way->at[0] == '\0')
        set_text(way->at, ".", "", "");
}

/* Takes the first part off the rest. Returns false when there is none. */
static bool take_part(struct way *way, char part[NAME_MAX + 1])
{
    const char *begin = way->rest + strspn(way->rest, "/");
    const size_t len = strcspn(begin, "/");

    if (len == 0 || len > NAME_MAX)
        return false;
    memcpy(part, begin, len);
    part[len] = '\0';
    memmove(way->rest, begin + len, strlen(begin + len) + 1);
    return true;
}

static bool is_at_end(const struct way *way)
{
    return way->rest[strspn(way->rest, "/")] == '\0';
}

/* Replaces the part that was taken by the target of the link. */
static bool follow(struct way *way, const char *target)
{
    char rest[PATH_MAX];

    if (!set_text(rest, target, "/", way->rest) || !set_text(way->rest, rest, "", ""))
        return false;
    set_begin(way);
    return true;
}

/* Goes one part on. Returns false at the end, and where the path leads nowhere. */
static bool go_on(struct file_scan *scan, struct way *way, int *links)
{
    char part[NAME_MAX + 1], to[PATH_MAX], target[PATH_MAX];
    ssize_t len;

    if (!take_part(way, part))
        return false;
    watch_directory(scan, way->at, is_at_end(way));
    if (!set_text(to, way->at, "/", part))
        return false;
    len = readlink(to, target, sizeof(target) - 1);
    if (len == -1)
        return errno == EINVAL && set_text(way->at, to, "", ""); /* EINVAL: it is not a link */
    target[len] = '\0';
    return ++*links <= LINKS_MAX && follow(way, target);
}

static void watch_way(struct file_scan *scan, const char *path)
{
    struct way way = {0};
    int links = 0;

    if (!set_text(way.rest, path, "", ""))
        return;
    set_begin(&way);
    while (go_on(scan, &way, &links))
        ;
}

/* A scan */

/* Reads events, of which only the fact that they came matters. Some may be left when they come
 * faster than they are read; they cause another scan. */
static void forget_events(int fd)
{
    char events[4096];

    for (int i = 0; i < READS_MAX && fd != -1 && read(fd, events, sizeof(events)) > 0; i++)
        ;
}

void file_scan_begin(struct file_scan *scan)
{
    scan->failure = 0;
    scan->before = scan->count;
    forget_events(scan->fd);
}

/* Watches before it looks, so that no change is missed. */
struct file_identity file_scan_look(struct file_scan *scan, const char *path)
{
    watch_way(scan, path);
    return identify(path);
}

void file_scan_end(struct file_scan *scan)
{
    const size_t now = scan->count - scan->before;

    if (scan->watches == NULL) /* nothing was ever watched */
        return;
    for (size_t i = 0; i < scan->before; i++) {
        if (!has_watch(scan, scan->watches[i]))
            inotify_rm_watch(scan->fd, scan->watches[i]); /* fails if its directory is gone */
    }
    memmove(scan->watches, scan->watches + scan->before, now * sizeof(*scan->watches));
    scan->count = now;
}

void file_scan_deinit(struct file_scan *scan)
{
    free(scan->watches);
    *scan = (struct file_scan){.fd = -1};
}
