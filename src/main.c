/* main.c - podop, the daemon: command line, signals, one server on one loop. */
#include "podop/cmdline.h"
#include "podop/http.h"
#include "podop/mem.h"
#include "podop/resolver.h"
#include "podop/server.h"

#include <ev.h>
#include <json-c/json_c_version.h>
#include <libconfig.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* Exit statuses as in sysexits.h. */
enum { EXIT_USAGE = 64, EXIT_OSERR = 71, EXIT_TEMPFAIL = 75, EXIT_CONFIG = 78 };

static int exit_status(const struct error *err)
{
    switch (err->kind) {
    case ERR_NONE: return 0;
    case ERR_USAGE: return EXIT_USAGE;
    case ERR_CONFIG: return EXIT_CONFIG;
    case ERR_NO_ADDRESS:
    case ERR_BIND: return EXIT_OSERR;
    case ERR_LIMIT:
    case ERR_INPUT:
    case ERR_SYSTEM: return EXIT_TEMPFAIL;
    }
    return EXIT_TEMPFAIL;
}

static void print_fault(void *arg, const char *text)
{
    (void)arg;
    fprintf(stderr, "%s\n", text);
}

static void print_version(void)
{
    printf(
        "podop %s (%s; c-ares/%s; libev/%d.%d; libconfig/%d.%d.%d; json-c/%s; libmicrohttpd/%s)\n",
        PODOP_VERSION, http_library(), resolver_version(), ev_version_major(), ev_version_minor(),
        LIBCONFIG_VER_MAJOR, LIBCONFIG_VER_MINOR, LIBCONFIG_VER_REVISION, json_c_version(),
        server_microhttpd_version());
}

static void on_stop_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
    (void)loop;
    (void)revents;
    server_stop(w->data);
}

static void on_reload_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
    (void)loop;
    (void)revents;
    server_reload_logged(w->data);
}

static void on_counters_signal(struct ev_loop *loop, ev_signal *w, int revents)
{
    (void)loop;
    (void)revents;
    server_log_counters(w->data);
}

static const struct {
    int number;
    void (*on_signal)(struct ev_loop *loop, ev_signal *w, int revents);
} kinds[] = {
    {SIGTERM, on_stop_signal},
    {SIGINT, on_stop_signal},
    {SIGHUP, on_reload_signal},
    {SIGUSR1, on_counters_signal},
};

/* Blocks the signals until podop runs. A stop during the start would not remove the socket files,
 * and a reload would be lost although the files have changed since they were read. */
static void delay_signals(sigset_t *before)
{
    sigset_t delayed;

    sigemptyset(&delayed);
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        sigaddset(&delayed, kinds[i].number);
    sigprocmask(SIG_BLOCK, &delayed, before);
}

static void run(struct ev_loop *loop, struct server *server, const sigset_t *mask)
{
    ev_signal watchers[ARRAY_LEN(kinds)];
    sigset_t all;

    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        ev_signal_init(&watchers[i], kinds[i].on_signal, kinds[i].number);
        watchers[i].data = server;
        ev_signal_start(loop, &watchers[i]);
    }
    sigprocmask(SIG_SETMASK, mask, NULL);
    server_run(server);
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, NULL); /* a late signal must not interrupt the cleanup */
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        ev_signal_stop(loop, &watchers[i]);
}

/* Prints the failure unless it was reported already, and returns the exit status for it. */
static int fail(const struct error *err)
{
    if (err->text[0] != '\0')
        fprintf(stderr, "podop: %s\n", err->text);
    return exit_status(err);
}

static void print_warning(void *arg, const char *text)
{
    unsigned *count = arg;

    ++*count;
    fprintf(stderr, "%s\n", text);
}

static int check(struct ev_loop *loop, const struct config_source *source)
{
    struct error err = {0};
    unsigned warnings = 0;

    if (server_check(loop, source, print_fault, print_warning, &warnings, &err) == -1) {
        return fail(&err);
    }
    if (warnings > 0)
        fprintf(stderr, "%u warning%s\n", warnings, warnings == 1 ? "" : "s");
    printf("configuration OK\n");
    return 0;
}

static int serve(struct ev_loop *loop, const struct config_source *source)
{
    struct error err = {0};
    struct server *server;
    sigset_t mask;

    delay_signals(&mask);
    server = server_new(loop, source, print_fault, NULL, &err);
    if (server == NULL) {
        return fail(&err);
    }
    server_enter_sandbox(server);
    run(loop, server, &mask);
    server_free(&server);
    return 0;
}

/* Opens /dev/null in place of each standard descriptor that is closed. Otherwise the next file or
 * socket would get that number, and log lines would be written to it. Returns -1 when /dev/null
 * cannot be opened. */
static int keep_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        /* open() returns the lowest free number, which is fd. */
        if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
            return -1;
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct cmdline cmdline;
    struct error err = {0};
    struct ev_loop *loop;
    int status = 0;

    if (keep_standard_files() == -1)
        return EXIT_OSERR;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* beyond RLIMIT_FSIZE, write() to a log file fails instead */
    signal(SIGHUP, SIG_IGN);  /* until the configuration is read */
    signal(SIGUSR1, SIG_IGN);
    if (cmdline_parse(&cmdline, argc, argv, PODOP_DEFAULT_CONFIG, &err) == -1) {
        fprintf(stderr, "podop: %s\nTry 'podop --help'.\n", err.text);
        return EXIT_USAGE;
    }
    loop = ev_loop_new(EVFLAG_AUTO);
    if (loop == NULL) {
        fputs("podop: cannot create an event loop\n", stderr);
        cmdline_deinit(&cmdline);
        return EXIT_TEMPFAIL;
    }
    switch (cmdline.action) {
    case CMDLINE_HELP: fputs(cmdline_help, stdout); break;
    case CMDLINE_VERSION: print_version(); break;
    case CMDLINE_CHECK: status = check(loop, &cmdline.source); break;
    case CMDLINE_RUN: status = serve(loop, &cmdline.source); break;
    }
    ev_loop_destroy(loop);
    cmdline_deinit(&cmdline);
    return status;
}
