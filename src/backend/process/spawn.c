/* spawn.c - uses vfork(), because fork() would copy the page tables of a large podop and stop the
 * loop meanwhile. The child shares podop's memory until execve(), so it makes only system calls. */
#include "spawn.h"

#include "podop/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DESCRIPTORS_SOFT =
        1024, /* podop raises its own limit, but programs that use select() need this one */
    SIGNALS = 65,
};

struct child {
    const char *path;
    char *const *argv;
    char *const *environment;
    int in, out, err; /* its ends of the pipes, none below 3 */
    pid_t parent;
    volatile int failure; /* errno of the system call that failed */
};

static void reset_signals(void)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;

    for (int i = 1; i < SIGNALS; i++)
        /* fails for SIGKILL and SIGSTOP, which never have a handler */
        sigaction(i, &standard, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static void limit_descriptors(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > DESCRIPTORS_SOFT) {
        limit.rlim_cur = DESCRIPTORS_SOFT;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Closes all descriptors above the standard three (Linux 5.9). musl has no function for the system
 * call. */
static int close_others(void)
{
#ifdef PODOP_HAVE_CLOSE_RANGE
    return close_range(3, UINT_MAX, 0);
#else
    return (int)syscall(SYS_close_range, 3, UINT_MAX, 0);
#endif
}

/* Runs in the child and does not return. */
static void become_program(struct child *c)
{
    reset_signals();
    limit_descriptors();
    /* podop may have ended before prctl(): then the parent is another process. */
    if (setpgid(0, 0) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == c->parent &&
        chdir("/") == 0 && dup2(c->in, STDIN_FILENO) != -1 && dup2(c->out, STDOUT_FILENO) != -1 &&
        dup2(c->err, STDERR_FILENO) != -1 && close_others() == 0)
        execve(c->path, c->argv, c->environment);
    c->failure = errno;
    _exit(127);
}

/* Returns the pid, or -1 with errno. */
static pid_t start(struct child *c)
{
    sigset_t all, before;
    pid_t pid;

    sigfillset(&all); /* no signal handler of podop may run in the child */
    sigprocmask(SIG_SETMASK, &all, &before);
    pid =
        vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork,*-unsafe-functions,cert-msc*):
                    see above */
    if (pid == 0)
        become_program(c); /* NOLINT(clang-analyzer-unix.Vfork): nothing but system calls */
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (pid != -1 && c->failure != 0) {
        waitpid(pid, NULL, 0); /* it has ended already */
        errno = c->failure;
        pid = -1;
    }
    return pid;
}

/* Opens a pipe with both ends above the three standard descriptors, even if some of those are
 * closed. */
static int open_pipe(int ends[2])
{
    int low[2];

    ends[0] = ends[1] = -1;
    if (pipe2(low, O_CLOEXEC) == -1)
        return -1;
    for (int i = 0; i < 2; i++) {
        ends[i] = fcntl(low[i], F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
        close(low[i]);
    }
    return ends[0] == -1 || ends[1] == -1 ? -1 : 0;
}

static void close_pipe(int ends[2])
{
    for (int i = 0; i < 2; i++) {
        if (ends[i] != -1)
            close(ends[i]);
    }
}

static int open_pidfd(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0); /* Linux 5.3; always close-on-exec */
}

static int start_between(struct spawned *s, struct child *child, struct error *err)
{
    s->pid = start(child);
    if (s->pid == -1)
        return error_errno(err, "cannot start %.200s", child->path);
    s->pidfd = open_pidfd(s->pid);
    if (s->pidfd == -1) {
        error_errno(err, "cannot open a descriptor for the process of %.200s", child->path);
        kill(-s->pid, SIGKILL);
        waitpid(s->pid, NULL, 0);
        return -1;
    }
    return 0;
}

int spawn(struct spawned *s, const char *path, char *const argv[], size_t max_response,
          struct error *err)
{
    int in[2], out[2] = {-1, -1}, error[2] = {-1, -1};
    char search_path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    char language[] = "LANG=C.UTF-8";
    char max_response_text[64];
    char *const environment[] = {search_path, language, max_response_text, NULL};
    struct child child = {
        .path = path, .argv = argv, .environment = environment, .parent = getpid()};

    snprintf(max_response_text, sizeof(max_response_text), "PODOP_MAX_RESPONSE=%zu", max_response);
    if (open_pipe(in) == -1 || open_pipe(out) == -1 || open_pipe(error) == -1 ||
        fcntl(in[1], F_SETFL, O_NONBLOCK) == -1 || fcntl(out[0], F_SETFL, O_NONBLOCK) == -1 ||
        fcntl(error[0], F_SETFL, O_NONBLOCK) == -1) {
        error_errno(err, "cannot open pipes for %.200s", path);
        goto fail;
    }
    child.in = in[0];
    child.out = out[1];
    child.err = error[1];
    if (start_between(s, &child, err) == -1)
        goto fail;
    close(in[0]);
    close(out[1]);
    close(error[1]);
    s->in = in[1];
    s->out = out[0];
    s->err = error[0];
    return 0;
fail:
    close_pipe(in);
    close_pipe(out);
    close_pipe(error);
    return -1;
}

void spawn_kill(const struct spawned *s)
{
    kill(-s->pid, SIGKILL); /* no other group can have this number before it is reaped */
    kill(s->pid, SIGKILL);  /* it may have moved to another group */
}

bool spawn_reap(const struct spawned *s, int *status)
{
    siginfo_t info = {0};

    if (waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0)
        return false;
    spawn_kill(s);
    if (waitpid(s->pid, status, WNOHANG) != s->pid)
        *status = 0;
    return true;
}
