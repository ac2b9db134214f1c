#include "directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

static void remove_files(const char *path)
{
    DIR *files = opendir(path);
    const struct dirent *file;

    while (files != NULL && (file = readdir(files)) != NULL)
        unlinkat(dirfd(files), file->d_name, 0);
    if (files != NULL)
        closedir(files);
}

/* Returns whether the directory is there and no other run uses it. The lock ends with the process.
 */
static bool take(const char *path)
{
    int fd;

    if (mkdir(path, 0700) == -1 && errno != EEXIST) {
        perror("podop_sim: mkdir");
        exit(2);
    }
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd != -1 && flock(fd, LOCK_EX | LOCK_NB) == 0)
        return true;
    if (fd != -1)
        close(fd);
    return false;
}

const char *directory_make(uint64_t seed)
{
    static char path[64];
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    do /* names of one length, because they are in messages */
        snprintf(path, sizeof(path), "%s/podop-sim-%06" PRIu64, base, seed++ % 1000000);
    while (!take(path));
    remove_files(path); /* of a run that was killed */
    return path;
}

void directory_remove(const char *path)
{
    remove_files(path);
    rmdir(path);
}
