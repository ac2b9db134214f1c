#include "files.h"

#include "inotify.h"
#include "kernel.h"
#include "real.h"
#include "transcript.h"

#include "podop/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

/* A file that the world has written. */
struct written {
    dev_t device;
    ino_t inode;
    int64_t wall_ns;
};

static struct written *written;
static size_t count, room;
static int64_t begin_wall_ns;
static char *etc;

void files_begin(void)
{
    begin_wall_ns = sim_wall_now();
}

void sim_etc(const char *directory)
{
    free(etc);
    etc = xstrdup(directory);
}

const char *files_path(const char *path, char *buffer, size_t size)
{
    if (etc == NULL || (strcmp(path, "/etc/resolv.conf") != 0 && strcmp(path, "/etc/hosts") != 0))
        return path;
    snprintf(buffer, size, "%s%s", etc, strrchr(path, '/'));
    return buffer;
}

static struct written *find(const struct stat *info)
{
    for (size_t i = 0; i < count; i++) {
        if (written[i].device == info->st_dev && written[i].inode == info->st_ino)
            return &written[i];
    }
    return NULL;
}

/* A file that the world has not written is a day old. */
void files_set_times(struct stat *info)
{
    const struct written *known = find(info);
    const int64_t ns = known == NULL ? begin_wall_ns - INT64_C(86400000000000) : known->wall_ns;
    const struct timespec at = {ns / 1000000000, ns % 1000000000};

    if (S_ISREG(info->st_mode))
        info->st_mtim = info->st_ctim = info->st_atim = at;
}

static void note_written(const char *path)
{
    struct stat info;
    struct written *known;

    if (REAL(stat)(path, &info) == -1)
        abort();
    known = find(&info);
    if (known == NULL) {
        if (count == room) {
            room = room == 0 ? 16 : 2 * room;
            written = xreallocarray(written, room, sizeof(*written));
        }
        known = &written[count++];
    }
    *known = (struct written){info.st_dev, info.st_ino, sim_wall_now()};
}

static void write_text(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    if (file == NULL || fputs(text, file) == EOF || fclose(file) == EOF)
        abort();
    note_written(path);
}

static void replace(const char *path, const char *text)
{
    char next[4096];

    snprintf(next, sizeof(next), "%s.next", path);
    write_text(next, text);
    inotify_tell(next, IN_CREATE);
    inotify_tell(next, IN_CLOSE_WRITE);
    if (rename(next, path) == -1)
        abort();
    inotify_tell(next, IN_MOVED_FROM);
    inotify_tell(path, IN_MOVED_TO);
}

void sim_file_write(const char *path, const char *text, enum sim_file_how how)
{
    const bool is_new = access(path, F_OK) == -1;

    transcript_note("a file", text == NULL ? "is removed" : "is written", how);
    if (text == NULL) {
        unlink(path);
        if (!is_new)
            inotify_tell(path, IN_DELETE);
    } else if (how == SIM_RENAME) {
        replace(path, text);
    } else {
        write_text(path, text);
        if (is_new)
            inotify_tell(path, IN_CREATE);
        inotify_tell(path, IN_CLOSE_WRITE);
    }
}
