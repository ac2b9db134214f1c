#include "directory.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

const char *directory_make(uint64_t seed)
{
    static char path[64];
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    snprintf(path, sizeof(path), "%s/podop-sim-%" PRIu64, base, seed);
    if (mkdir(path, 0700) == 0)
        return path;
    snprintf(path, sizeof(path), "%s/podop-sim-XXXXXX", base);
    if (mkdtemp(path) == NULL) {
        perror("podop_sim: mkdtemp");
        exit(2);
    }
    return path;
}

void directory_remove(const char *path)
{
    DIR *files = opendir(path);
    const struct dirent *file;

    while (files != NULL && (file = readdir(files)) != NULL)
        unlinkat(dirfd(files), file->d_name, 0);
    if (files != NULL)
        closedir(files);
    rmdir(path);
}
