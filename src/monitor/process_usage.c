#include "process_usage.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { DESCRIPTORS_PER_STEP = 100 };

/* The first two numbers of the file are in pages. */
static void read_memory(struct process_usage *usage)
{
    const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
    const int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    char text[200] = "", *end;
    const ssize_t n = fd == -1 ? -1 : read(fd, text, sizeof(text) - 1);

    if (fd != -1)
        close(fd);
    if (n <= 0)
        return;
    usage->virtual_bytes = strtoull(text, &end, 10) * page_bytes;
    usage->resident_bytes = strtoull(end, NULL, 10) * page_bytes;
}

struct process_usage process_usage_read(void)
{
    struct process_usage usage = {0};
    struct timespec cpu;
    struct rlimit descriptors;

    read_memory(&usage);
    if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &cpu) == 0)
        usage.cpu_us = (uint64_t)cpu.tv_sec * 1000000 + (uint64_t)cpu.tv_nsec / 1000;
    if (getrlimit(RLIMIT_NOFILE, &descriptors) == 0)
        usage.descriptors_max = descriptors.rlim_cur;
    return usage;
}

static bool begin(struct descriptor_count *c)
{
    struct stat info;

    if (stat("/proc/self/fd", &info) == 0 && info.st_size > 0) {
        c->count = (uint64_t)info.st_size; /* since Linux 6.2 */
        return true;
    }
    c->directory = opendir("/proc/self/fd");
    return c->directory == NULL;
}

bool descriptor_count_step(struct descriptor_count *c)
{
    const struct dirent *entry = NULL;

    if (c->directory == NULL)
        return begin(c);
    for (int i = 0; i < DESCRIPTORS_PER_STEP && (entry = readdir(c->directory)) != NULL; i++)
        c->count += entry->d_name[0] != '.';
    if (entry != NULL)
        return false;
    c->count -= c->count > 0; /* that of the directory itself */
    return true;
}

void descriptor_count_end(struct descriptor_count *c)
{
    if (c->directory != NULL)
        closedir(c->directory);
    c->directory = NULL;
}
