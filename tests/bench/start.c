/* start.c - measures the time from the start of a server to its first answer: starts it, connects
 * as soon as possible, asks for one key over socketmap, and ends it. */
#include "connect.h"
#include "questions.h"

#include "podop/mem.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { LIMIT_MS = 10 * 1000, PAUSE_NS = 50 * 1000, REPLY_BYTES_MAX = 4096 };

static double now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int connect_soon(const struct socket_address *at, double until_ms)
{
    const struct timespec pause = {.tv_nsec = PAUSE_NS};
    int fd;

    while ((fd = bench_connect(at)) == -1 && now_ms() < until_ms)
        nanosleep(&pause, NULL);
    return fd;
}

static bool ask(int fd, const struct question *question)
{
    char reply[REPLY_BYTES_MAX];
    size_t len = 0;
    struct pollfd wait = {.fd = fd, .events = POLLIN};

    if (write(fd, question->request.ptr, question->request.len) != (ssize_t)question->request.len)
        return false;
    while (len < question->reply.len && poll(&wait, 1, LIMIT_MS) == 1) {
        ssize_t n = read(fd, reply + len, sizeof(reply) - len);

        if (n <= 0)
            return false;
        len += (size_t)n;
    }
    return span_equal((struct span){reply, len}, question->reply);
}

/* Returns milliseconds, or -1 if the right answer did not come. */
static double measure(const struct socket_address *at, const struct question *question, char **argv)
{
    extern char **environ;
    double begin_ms = now_ms();
    double took_ms = -1.0;
    pid_t pid;
    int fd, status;

    if (posix_spawn(&pid, argv[0], NULL, NULL, argv, environ) != 0)
        return -1.0;
    fd = connect_soon(at, begin_ms + LIMIT_MS);
    if (fd != -1 && ask(fd, question))
        took_ms = now_ms() - begin_ms;
    if (fd != -1)
        close(fd);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    return took_ms;
}

int main(int argc, char **argv)
{
    struct questions_config config = {.keys = 1, .in_turn = true};
    struct questions *questions;
    struct socket_address at;
    struct error err = {0};
    double took_ms;

    if (argc < 5) {
        fputs("Usage: start ADDRESS TABLE PREFIX COMMAND [ARGUMENT]...\n", stderr);
        return 64;
    }
    if (socket_address_resolve(argv[1], &at, 1, &err) == -1) {
        fprintf(stderr, "start: %s\n", err.text);
        return 64;
    }
    config.table = argv[2];
    config.prefix = argv[3];
    questions = questions_new(&config);
    took_ms = measure(&at, &questions->items[0], argv + 4);
    questions_free(&questions);
    if (took_ms < 0.0) {
        fputs("start: no right answer came\n", stderr);
        return 1;
    }
    printf("{\"ms\": %.3f}\n", took_ms);
    return 0;
}
