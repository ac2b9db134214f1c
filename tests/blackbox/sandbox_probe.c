/* sandbox_probe.c - for LD_PRELOAD: makes system calls within a running podop, as an attacker could
 * who has taken it over. At SIGRTMIN, one line is read from the descriptor that PROBE_IN names: the
 * name of a system call and its arguments. The result or the negative errno goes to PROBE_OUT. */
#define _GNU_SOURCE

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { LINE_BYTES = 1000, ARGUMENTS = 6 };

static const struct {
    const char *name;
    long number;
} calls[] = {
    {"openat", SYS_openat},
    {"close", SYS_close},
    {"execve", SYS_execve},
    {"execveat", SYS_execveat},
    {"clone", SYS_clone},
    {"clone3", SYS_clone3},
    {"socket", SYS_socket},
    {"ptrace", SYS_ptrace},
    {"process_vm_readv", SYS_process_vm_readv},
    {"pidfd_getfd", SYS_pidfd_getfd},
    {"process_madvise", SYS_process_madvise},
    {"mount_setattr", SYS_mount_setattr},
    {"mount", SYS_mount},
    {"umount2", SYS_umount2},
    {"unshare", SYS_unshare},
    {"setns", SYS_setns},
    {"chroot", SYS_chroot},
    {"bpf", SYS_bpf},
    {"init_module", SYS_init_module},
    {"io_uring_setup", SYS_io_uring_setup},
    {"perf_event_open", SYS_perf_event_open},
    {"userfaultfd", SYS_userfaultfd},
    {"keyctl", SYS_keyctl},
    {"reboot", SYS_reboot},
    {"setuid", SYS_setuid},
    {"kill", SYS_kill},
    {"unlinkat", SYS_unlinkat},
    {"mkdirat", SYS_mkdirat},
    {"symlinkat", SYS_symlinkat},
    {"mknodat", SYS_mknodat},
    {"truncate", SYS_truncate},
    {"prctl", SYS_prctl},
    {"getpid", SYS_getpid},
};

static int in = -1, out = -1;

/* Cuts a line into words, and returns their number. */
static size_t split(char *line, char *words[], size_t max)
{
    size_t count = 0;

    for (char *word = strtok(line, " \n"); word != NULL && count < max; word = strtok(NULL, " \n"))
        words[count++] = word;
    return count;
}

/* A word that begins with a digit or a minus is a number, any other a string. */
static long value_of(const char *word)
{
    if ((*word >= '0' && *word <= '9') || *word == '-')
        return strtol(word, NULL, 0);
    return (long)word;
}

static long make_call(char *line)
{
    char *words[1 + ARGUMENTS] = {NULL};
    const size_t count = split(line, words, 1 + ARGUMENTS);
    long a[ARGUMENTS] = {0}, result;

    for (size_t i = 1; i < count; i++)
        a[i - 1] = value_of(words[i]);
    for (size_t i = 0; count > 0 && i < sizeof(calls) / sizeof(calls[0]); i++) {
        if (strcmp(words[0], calls[i].name) != 0)
            continue;
        result = syscall(calls[i].number, a[0], a[1], a[2], a[3], a[4], a[5]);
        return result == -1 ? -errno : result;
    }
    return -9999; /* no errno has this number */
}

static void on_probe(int number)
{
    char line[LINE_BYTES];
    const ssize_t n = read(in, line, sizeof(line) - 1);
    const int saved = errno;
    long result;
    int len;

    (void)number;
    if (n <= 0)
        return;
    line[n] = '\0';
    result = make_call(line);
    if (result == 0 && strncmp(line, "clone", 5) == 0)
        _exit(0); /* the new process */
    len = snprintf(line, sizeof(line), "%ld\n", result);
    if (write(out, line, (size_t)len) != len)
        abort();
    errno = saved;
}

__attribute__((constructor)) static void listen_for_probes(void)
{
    const char *from = getenv("PROBE_IN"), *to = getenv("PROBE_OUT");

    if (from == NULL || to == NULL)
        return;
    in = atoi(from);
    out = atoi(to);
    signal(SIGRTMIN, on_probe);
}
