#include "unit.h"

#include "server/notify.h"

#include "podop/systemd.h"

#include <ev.h>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A service manager that listens in the abstract namespace: nothing to clean up. */
struct manager {
    int fd;
    char text[512]; /* the last message */
};

static void listen_to(struct manager *m, int number)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char name[64];
    int len = snprintf(name, sizeof(name), "@podop-test-%d-%d", (int)getpid(), number);

    memcpy(at.sun_path + 1, name + 1, (size_t)len - 1);
    m->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_not_equal(m->fd, -1);
    assert_int_equal(bind(m->fd, (struct sockaddr *)&at,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)len)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
}

static const char *read_next(struct manager *m)
{
    ssize_t n = recv(m->fd, m->text, sizeof(m->text) - 1, 0);

    if (n == -1)
        return NULL;
    m->text[n] = '\0';
    return m->text;
}

static void test_notify_messages(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct notify notify;
    struct manager m;
    unsigned long long first_us, second_us;
    char long_text[1000];

    (void)state;
    listen_to(&m, 1);
    notify_init(&notify, loop);
    assert_null(read_next(&m));
    notify_ready(&notify, "Serving");
    assert_string_equal(read_next(&m), "READY=1\nSTATUS=Serving");
    notify_reloading(&notify);
    assert_int_equal(sscanf(read_next(&m), "RELOADING=1\nMONOTONIC_USEC=%llu\n", &first_us), 1);
    notify_reloading(&notify);
    assert_int_equal(sscanf(read_next(&m), "RELOADING=1\nMONOTONIC_USEC=%llu\n", &second_us), 1);
    assert_true(first_us > 0 && second_us >= first_us);
    memset(long_text, 'x', sizeof(long_text) - 1);
    long_text[sizeof(long_text) - 1] = '\0';
    notify_status(&notify, long_text);
    assert_int_equal(strlen(read_next(&m)), sizeof("STATUS=") - 1 + 200);
    notify_stopping(&notify);
    assert_memory_equal(read_next(&m), "STOPPING=1\nSTATUS=", 18);
    notify_deinit(&notify);
    close(m.fd);
    ev_loop_destroy(loop);
}

/* Messages for which there is no room are queued in order, up to a limit. */
static void test_notify_waits(void **state)
{
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct notify notify;
    struct manager m;
    char text[16];
    int sent = 0;

    (void)state;
    listen_to(&m, 2);
    notify_init(&notify, loop);
    while (notify.waiting.len == 0) {
        snprintf(text, sizeof(text), "%d", sent++);
        notify_status(&notify, text);
    }
    for (int i = 0; i < 10000; i++)
        notify_status(&notify, "lost in the end");
    assert_true(notify.waiting.len <= 4096 && !notify.waiting.is_over);
    for (int i = 0; i < sent; i++) {
        char expected[32];

        snprintf(expected, sizeof(expected), "STATUS=%d", i);
        assert_string_equal(read_next(&m), expected);
        ev_run(loop, EVRUN_NOWAIT);
    }
    assert_string_equal(read_next(&m), "STATUS=lost in the end");
    while (notify.waiting.len > 0) {
        read_next(&m);
        ev_run(loop, EVRUN_NOWAIT);
    }
    assert_false(ev_is_active(&notify.writable));
    notify_deinit(&notify);
    close(m.fd);
    ev_loop_destroy(loop);
}

/* The variables are removed, so that neither a child nor a second server uses them. */
static void test_environment_is_left(void **state)
{
    struct manager m;
    char pid[16];
    char **names;
    int first, fd;

    (void)state;
    listen_to(&m, 3);
    snprintf(pid, sizeof(pid), "%d", (int)getpid());
    setenv("WATCHDOG_USEC", "5000000", 1);
    setenv("WATCHDOG_PID", pid, 1);
    setenv("LISTEN_PID", "1", 1);
    setenv("LISTEN_FDS", "1", 1);
    setenv("LISTEN_FDNAMES", "x", 1);
    fd = systemd_take_notify_socket();
    assert_int_not_equal(fd, -1);
    assert_int_equal(systemd_take_notify_socket(), -1);
    assert_true(systemd_take_watchdog_us() == 5000000);
    assert_true(systemd_take_watchdog_us() == 0);
    assert_int_equal(systemd_take_descriptors(&first, &names), 0); /* of another process */
    assert_null(names);
    for (size_t i = 0; i < 6; i++) {
        static const char *const variables[] = {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID",
                                                "LISTEN_PID",    "LISTEN_FDS",    "LISTEN_FDNAMES"};

        assert_null(getenv(variables[i]));
    }
    close(fd);
    close(m.fd);
}

static void test_notify_nobody(void **state)
{
    static const char *const paths[] = {"", "@", "/", "relative", "/none/such", "vsock:2:1"};
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        struct notify notify;

        setenv("NOTIFY_SOCKET", paths[i], 1);
        notify_init(&notify, loop);
        assert_int_equal(notify.fd, -1);
        notify_ready(&notify, "to nobody");
        assert_false(ev_is_active(&notify.watchdog) || ev_is_active(&notify.writable));
        notify_deinit(&notify);
    }
    ev_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_notify_messages),
        cmocka_unit_test(test_notify_waits),
        cmocka_unit_test(test_environment_is_left),
        cmocka_unit_test(test_notify_nobody),
    };

    if (!systemd_is_built_in())
        return 77;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
