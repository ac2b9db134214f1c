#include "unit.h"

#include "backend/process/spawn.h"

#include "podop/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MAX_RESPONSE = 12345 };

static struct spawned spawn_script(char *script)
{
    static char sh[] = "sh", option[] = "-c";
    char *argv[] = {sh, option, script, NULL};
    struct spawned spawned;
    struct error err = {0};

    if (spawn(&spawned, "/bin/sh", argv, MAX_RESPONSE, &err) == -1)
        fail_msg("%s", err.text);
    return spawned;
}

static void wait_for(int fd)
{
    struct pollfd readable = {.fd = fd, .events = POLLIN};

    while (poll(&readable, 1, -1) != 1)
        assert_int_equal(errno, EINTR);
}

/* Reads all that the program writes to a descriptor. */
static struct buf read_all(int fd)
{
    struct buf text;
    ssize_t n = 1;

    buf_init(&text, SIZE_MAX);
    while (n > 0) {
        wait_for(fd);
        n = read(fd, buf_reserve(&text, 4096), 4096);
        text.len += n > 0 ? (size_t)n : 0;
    }
    return text;
}

static int reap(struct spawned *s)
{
    int status = -1;

    wait_for(s->pidfd);
    assert_true(spawn_reap(s, &status));
    close(s->pidfd);
    close(s->in);
    close(s->out);
    close(s->err);
    return status;
}

static void assert_output(char *script, const char *expected)
{
    struct spawned s = spawn_script(script);
    struct buf text = read_all(s.out);

    assert_string_equal(buf_string(&text), expected);
    buf_deinit(&text);
    reap(&s);
}

static void test_pipes(void **state)
{
    static char script[] = "read line; echo \"out $line\"; echo \"err $line\" >&2; exit 7";
    struct spawned s = spawn_script(script);
    struct buf out, err;
    int status;

    (void)state;
    assert_int_equal(write(s.in, "x\n", 2), 2);
    out = read_all(s.out);
    err = read_all(s.err);
    assert_string_equal(buf_string(&out), "out x\n");
    assert_string_equal(buf_string(&err), "err x\n");
    status = reap(&s);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    buf_deinit(&out);
    buf_deinit(&err);
}

static void test_what_a_program_gets(void **state)
{
    static char environment[] = "env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= | sort";
    static char directory[] = "pwd";
    static char group[] = "test $(ps -o pgid= -p $$) = $$ && echo own";
    static char descriptors[] = "for fd in 0 1 2 3 4 5 6 7 8 9; do"
                                " if (eval \": <&$fd\") 2>/dev/null; then echo $fd; fi; done";
    static char limit[] = "ulimit -n";
    int inheritable;

    (void)state;
    setenv("PODOP_TEST_SECRET", "x", 1);
    inheritable = dup(STDIN_FILENO); /* without close-on-exec */
    assert_in_range(inheritable, 3, 9);
    assert_output(environment, "LANG=C.UTF-8\n"
                               "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"
                               "PODOP_MAX_RESPONSE=12345\n");
    assert_output(directory, "/\n");
    assert_output(descriptors, "0\n1\n2\n");
    assert_output(limit, "1024\n");
    if (access("/bin/ps", X_OK) == 0)
        assert_output(group, "own\n");
    close(inheritable);
}

/* A program has default handlers and no blocked signals, independently of podop. */
static void test_signals(void **state)
{
    static char script[] = "kill -PIPE $$; echo alive";
    sigset_t all, before;
    struct spawned s;
    int status;

    (void)state;
    signal(SIGPIPE, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    s = spawn_script(script);
    sigprocmask(SIG_SETMASK, &before, NULL);
    status = reap(&s);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGPIPE);
}

static void test_cannot_start(void **state)
{
    static char name[] = "x";
    char *argv[] = {name, NULL};
    static const char *const paths[] = {"/nowhere/to/be/found", "/etc/passwd", "/tmp"};
    struct spawned s;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct error err = {0};

        if (spawn(&s, paths[i], argv, 0, &err) != -1)
            fail_msg("%s was started", paths[i]);
        assert_int_equal(err.kind, ERR_SYSTEM);
        assert_non_null(strstr(err.text, paths[i]));
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* no child is left */
}

/* Children of the program are killed, too: the end of the output shows that none is left. */
static void test_kill(void **state)
{
    static char script[] = "sleep 1000 & echo ready; wait";
    struct spawned s = spawn_script(script);
    struct buf text;
    char ready[16];
    int status = -1;

    (void)state;
    wait_for(s.out);
    assert_int_equal(read(s.out, ready, sizeof(ready)), 6);
    assert_false(spawn_reap(&s, &status));
    spawn_kill(&s);
    text = read_all(s.out);
    assert_int_equal(text.len, 0);
    buf_deinit(&text);
    status = reap(&s);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void test_reap_ends_children(void **state)
{
    static char script[] = "sleep 1000 & exit 0";
    struct spawned s = spawn_script(script);
    struct buf text;
    int status = -1;

    (void)state;
    wait_for(s.pidfd);
    assert_true(spawn_reap(&s, &status));
    assert_int_equal(status, 0);
    text = read_all(s.out); /* ends */
    buf_deinit(&text);
    close(s.pidfd);
    close(s.in);
    close(s.out);
    close(s.err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pipes),   cmocka_unit_test(test_what_a_program_gets),
        cmocka_unit_test(test_signals), cmocka_unit_test(test_cannot_start),
        cmocka_unit_test(test_kill),    cmocka_unit_test(test_reap_ends_children),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
