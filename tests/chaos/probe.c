/* probe.c - asks podop for a key that it always knows, every few milliseconds, and prints each
 * answer that took long: "START_NS END_NS DELAY_OF_PODOP_NS DELAY_OF_PROBE_NS CPU_OF_PODOP_NS", the
 * first two monotonic. The delays are times in which the process could have run and had no CPU.
 *
 *     probe SOCKET REQUEST PID PERIOD_MS REPORT_MS
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct sched {
    uint64_t cpu_ns, delay_ns;
};

static uint64_t now_ns(void)
{
    struct timespec at;

    clock_gettime(CLOCK_MONOTONIC, &at);
    return (uint64_t)at.tv_sec * 1000000000U + (uint64_t)at.tv_nsec;
}

static struct sched read_sched(int fd)
{
    char text[128] = "";
    struct sched s = {0, 0};

    if (pread(fd, text, sizeof(text) - 1, 0) > 0)
        sscanf(text, "%lu %lu", &s.cpu_ns, &s.delay_ns);
    return s;
}

/* Reads one answer, a netstring with any content; returns 0 at the end of the connection. */
static int read_answer(int fd)
{
    char c;
    size_t len = 0;

    while (read(fd, &c, 1) == 1 && c != ':')
        len = len * 10 + (size_t)(c - '0');
    if (c != ':')
        return 0;
    for (len++; len > 0; len--) {
        if (read(fd, &c, 1) != 1)
            return 0;
    }
    return 1;
}

static int open_sched(const char *pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%s/schedstat", pid);
    return open(path, O_RDONLY);
}

int main(int argc, char **argv)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char request[256];
    int fd = socket(AF_UNIX, SOCK_STREAM, 0), podop, self, len;
    uint64_t period_ns, report_ns;

    if (argc != 6)
        return 64;
    strncpy(to.sun_path, argv[1], sizeof(to.sun_path) - 1);
    len = snprintf(request, sizeof(request), "%zu:%s,", strlen(argv[2]), argv[2]);
    podop = open_sched(argv[3]);
    self = open_sched("self");
    period_ns = strtoul(argv[4], NULL, 10) * 1000000U;
    report_ns = strtoul(argv[5], NULL, 10) * 1000000U;
    if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 || podop == -1)
        return 75;
    for (;;) {
        struct timespec pause = {0, (long)period_ns};
        struct sched p0 = read_sched(podop), s0 = read_sched(self);
        uint64_t start = now_ns(), end;

        if (write(fd, request, (size_t)len) != len || !read_answer(fd))
            return 0;
        end = now_ns();
        if (end - start >= report_ns) {
            struct sched p1 = read_sched(podop), s1 = read_sched(self);

            printf("%lu %lu %lu %lu %lu\n", start, end, p1.delay_ns - p0.delay_ns,
                   s1.delay_ns - s0.delay_ns, p1.cpu_ns - p0.cpu_ns);
            fflush(stdout);
        }
        nanosleep(&pause, NULL);
    }
}
