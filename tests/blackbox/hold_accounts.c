/* hold_accounts.c - for LD_PRELOAD: a user database and a resolver that do not answer.
 * HOLD_ACCOUNTS_FILE has three bytes: while the first is not zero, searches for a user, group or
 * host by name wait, and set the second one. The third one is set by each search that the first
 * thread begins, which is that of podop's loop. */
#define _GNU_SOURCE

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile char *state; /* NULL: nothing is held */

__attribute__((constructor)) static void map_file(void)
{
    const char *path = getenv("HOLD_ACCOUNTS_FILE");
    int fd = path == NULL ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *map;

    if (fd == -1)
        return;
    map = mmap(NULL, 3, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (map != MAP_FAILED)
        state = map;
}

static void wait_while_held(void)
{
    const struct timespec pause = {.tv_nsec = 1000000};

    if (state != NULL && gettid() == getpid())
        state[2] = 1;
    while (state != NULL && state[0] != 0) {
        state[1] = 1;
        nanosleep(&pause, NULL);
    }
}

struct passwd *getpwnam(const char *name)
{
    struct passwd *(*real)(const char *);

    *(void **)&real = dlsym(RTLD_NEXT, "getpwnam");
    wait_while_held();
    return real(name);
}

struct group *getgrnam(const char *name)
{
    struct group *(*real)(const char *);

    *(void **)&real = dlsym(RTLD_NEXT, "getgrnam");
    wait_while_held();
    return real(name);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
                struct addrinfo **found)
{
    int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);

    *(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
    wait_while_held();
    return real(node, service, hints, found);
}
