/* What the world does to podop: routes, servers that do not answer, datagrams, processes, pauses, a
 * log that blocks, and calls that fail. This program calls libc in podop's place. */
#include "kernel.h"

#include "backend/process/spawn.h"
#include "podop/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* cmocka needs these before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

/* podop's side */

static int64_t elapsed_ns(void)
{
    static int64_t before_ns;
    const int64_t elapsed = sim_now() - before_ns;

    before_ns = sim_now();
    return elapsed;
}

/* System calls take a little time, too. */
static void assert_elapsed(int64_t ns)
{
    const int64_t elapsed = elapsed_ns();

    assert_in_range(elapsed + MS, ns, ns + 2 * MS);
}

static short await(int fd, short events, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = events};

    return poll(&p, 1, timeout_ms) == 1 ? p.revents : 0;
}

static struct sockaddr_in address(in_port_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(port)};
}

static int start_connecting(in_port_t port)
{
    const struct sockaddr_in at = address(port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), -1);
    assert_int_equal(errno, EINPROGRESS);
    return fd;
}

static int error_of(int fd)
{
    int error;
    socklen_t len = sizeof(error);

    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len), 0);
    return error;
}

static int listen_at(in_port_t port)
{
    const struct sockaddr_in at = address(port);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(fd, 10), 0);
    return fd;
}

/* The world's side */

struct talk {
    struct sim_peer *peer;
    char got[1000];
    size_t len;
    bool has_ended;
    enum sim_end how;
    unsigned rooms;
};

static size_t take(void *arg, const char *bytes, size_t len)
{
    struct talk *t = arg;

    assert_true(t->len + len < sizeof(t->got));
    memcpy(t->got + t->len, bytes, len);
    t->len += len;
    return len;
}

static void end(void *arg, enum sim_end how)
{
    struct talk *t = arg;

    assert_false(t->has_ended);
    t->has_ended = true;
    t->how = how;
}

static void room(void *arg)
{
    struct talk *t = arg;

    t->rooms++;
}

static const struct sim_peer_ops talk_ops = {take, end, room};

static bool connected(void *arg, struct sim_peer *peer)
{
    struct talk *t = arg;

    t->peer = peer;
    sim_peer_set(peer, &talk_ops, t);
    return true;
}

static bool refuse(void *arg, struct sim_peer *peer)
{
    (void)arg;
    (void)peer;
    return false;
}

/* Routes */

static void test_segments_arrive_in_order_and_late(void **state)
{
    static const char text[] = "abcdefghijklmnopqrstuvwxyz";
    struct talk t = {0};
    char got[sizeof(text)];
    size_t len = 0;
    unsigned reads = 0;
    int fd, listener = listen_at(1001);

    (void)state;
    t.peer =
        sim_connect("127.0.0.1:1001", &talk_ops, &t,
                    (struct sim_route){.delay_ns = 10 * MS, .jitter_ns = 5 * MS, .segment = 7});
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    assert_int_equal(sim_peer_send(t.peer, text, sizeof(text)), sizeof(text));
    elapsed_ns();
    assert_int_equal(await(fd, POLLIN, 9), 0);
    for (; len < sizeof(text); reads++) {
        assert_int_equal(await(fd, POLLIN, 1000), POLLIN);
        len += (size_t)recv(fd, got + len, sizeof(got) - len, 0);
    }
    assert_memory_equal(got, text, sizeof(text));
    assert_true(reads > 1);
    assert_in_range(elapsed_ns(), 10 * MS, 40 * MS);
    sim_peer_close(&t.peer);
    assert_int_equal(await(fd, POLLIN, 1000), POLLIN);
    assert_int_equal(recv(fd, got, 1, 0), 0);
    close(fd);
    close(listener);
}

static void test_a_dead_route_delivers_when_it_lives_again(void **state)
{
    const struct sim_route dead = {.is_dead = true}, good = {0};
    struct talk t = {0};
    char byte;
    int fd, listener = listen_at(1001);

    (void)state;
    t.peer = sim_connect("127.0.0.1:1001", &talk_ops, &t, good);
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    sim_peer_route(t.peer, dead);
    sim_peer_send(t.peer, "x", 1);
    assert_int_equal(send(fd, "yz", 2, 0), 2);
    elapsed_ns();
    assert_int_equal(await(fd, POLLIN, 5000), 0);
    assert_elapsed(5 * SECOND);
    assert_int_equal(t.len, 0);
    sim_peer_route(t.peer, good);
    assert_int_equal(await(fd, POLLIN, 5000), POLLIN);
    assert_elapsed(0);
    assert_int_equal(recv(fd, &byte, 1, 0), 1);
    sim_run_for(1);
    assert_int_equal(t.len, 2);
    close(fd);
    assert_int_equal(await(listener, POLLIN, 1), 0);
    assert_true(t.has_ended);
    assert_int_equal(t.how, SIM_FIN);
    sim_peer_close(&t.peer);
    close(listener);
}

static void test_data_without_acknowledgement_times_out(void **state)
{
    const unsigned timeout_ms = 3000;
    struct talk t = {0};
    struct sim_server *server = sim_serve("127.0.0.1:80", connected, &t);
    int fd = start_connecting(80);

    (void)state;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
    assert_int_equal(await(fd, POLLOUT, 1000), POLLOUT);
    assert_int_equal(await(fd, POLLIN, 1), 0);
    sim_peer_route(t.peer, (struct sim_route){.is_dead = true});
    assert_int_equal(await(fd, POLLIN, 10000), 0); /* nothing was sent */
    assert_int_equal(send(fd, "x", 1, 0), 1);
    elapsed_ns();
    assert_int_equal(await(fd, POLLIN, 10000), POLLIN | POLLHUP | POLLERR);
    assert_elapsed(3 * SECOND);
    assert_int_equal(error_of(fd), ETIMEDOUT);
    close(fd);
    sim_peer_close(&t.peer);
    sim_server_stop(&server);
}

static void test_a_peer_that_reads_nothing_fills_the_window(void **state)
{
    static const char text[10000];
    struct talk t = {0};
    ssize_t n, all = 0;
    int fd, listener = listen_at(1001);

    (void)state;
    t.peer = sim_connect("127.0.0.1:1001", &talk_ops, &t, (struct sim_route){.window = 800});
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    sim_peer_hold(t.peer, true);
    while ((n = send(fd, text, 300, 0)) > 0)
        all += n;
    assert_int_equal(all, 800);
    assert_int_equal(await(fd, POLLOUT, 1000), 0);
    sim_peer_hold(t.peer, false);
    assert_int_equal(await(fd, POLLOUT, 1000), POLLOUT);
    sim_run_for(1);
    assert_int_equal(t.len, 800);
    n = (ssize_t)sim_peer_send(t.peer, text, sizeof(text));
    assert_int_equal(n, 800);
    assert_int_equal(t.rooms, 0);
    assert_int_equal(sim_peer_unsent(t.peer), 800);
    assert_true(recv(fd, t.got, sizeof(t.got), 0) > 0);
    assert_int_equal(await(listener, POLLIN, 1), 0);
    assert_int_equal(t.rooms, 1);
    sim_peer_reset(&t.peer);
    assert_int_equal(await(fd, POLLOUT, 1000), POLLOUT | POLLHUP | POLLERR);
    assert_int_equal(error_of(fd), ECONNRESET);
    close(fd);
    close(listener);
}

/* Servers */

static void test_servers_refuse_and_reset(void **state)
{
    struct talk t = {0};
    struct sim_server *server = sim_serve("127.0.0.1:80", refuse, NULL);
    int fd = start_connecting(80);

    (void)state;
    await(fd, POLLIN, 1000);
    assert_int_equal(error_of(fd), ECONNRESET);
    close(fd);
    sim_server_stop(&server);
    fd = start_connecting(80);
    await(fd, POLLOUT, 1000);
    assert_int_equal(error_of(fd), ECONNREFUSED);
    close(fd);
    server = sim_serve("127.0.0.1:80", connected, &t);
    sim_server_freeze(server, true);
    fd = start_connecting(80);
    assert_int_equal(await(fd, POLLOUT, 1000), POLLOUT);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    assert_int_equal(await(fd, POLLIN, 1000), 0);
    assert_null(t.peer);
    sim_server_freeze(server, false);
    assert_int_equal(await(fd, POLLIN, 1000), 0);
    assert_int_equal(t.len, 1);
    sim_peer_close(&t.peer);
    close(fd);
    sim_server_stop(&server);
}

static void test_a_server_that_drops_is_asked_again(void **state)
{
    struct talk t = {0};
    struct sim_server *server = sim_serve("127.0.0.1:80", connected, &t);
    int fd;

    (void)state;
    sim_server_drop(server, true);
    fd = start_connecting(80);
    elapsed_ns();
    assert_int_equal(await(fd, POLLOUT, 2000), 0);
    assert_elapsed(2 * SECOND);
    sim_server_drop(server, false);
    assert_int_equal(await(fd, POLLOUT, 10000), POLLOUT);
    assert_elapsed(1 * SECOND); /* after 1 and after 2 seconds more */
    assert_int_equal(await(fd, POLLIN, 1), 0);
    sim_peer_close(&t.peer);
    close(fd);
    sim_server_drop(server, true);
    fd = start_connecting(80);
    elapsed_ns();
    await(fd, POLLOUT, -1);
    assert_int_equal(error_of(fd), ETIMEDOUT);
    assert_elapsed(127 * SECOND);
    close(fd);
    sim_server_stop(&server);
}

/* Datagrams */

static void answer(void *arg, const char *from, const char *bytes, size_t len)
{
    struct sim_port *const *port = arg;

    assert_memory_equal(bytes, "question", len);
    sim_port_send(*port, from, "answer", 6, 5 * MS);
}

static void test_datagrams(void **state)
{
    struct sim_port *port = sim_port_open("127.0.0.1:53", answer, &port);
    const struct sockaddr_in at = address(53);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    struct sockaddr_in from;
    socklen_t len = sizeof(from);
    char got[10];

    (void)state;
    assert_int_equal(connect(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(send(fd, "question", 8, 0), 8);
    elapsed_ns();
    assert_int_equal(await(fd, POLLIN, 1000), POLLIN);
    assert_elapsed(5 * MS);
    assert_int_equal(recvfrom(fd, got, 3, 0, (struct sockaddr *)&from, &len), 3);
    assert_memory_equal(&from, &at, sizeof(at));
    assert_int_equal(await(fd, POLLIN, 0), 0); /* the rest of the datagram is gone */
    sim_port_close(&port);
    assert_int_equal(send(fd, "question", 8, 0), 8);
    assert_int_equal(await(fd, POLLIN, 1000), POLLERR);
    assert_int_equal(recv(fd, got, 3, 0), -1);
    assert_int_equal(errno, ECONNREFUSED);
    close(fd);
}

/* Processes */

static struct {
    struct sim_process *process;
    char got[100];
    size_t len;
    bool has_input_ended, was_killed;
    int refusal;
} program;

static int started(void *arg, struct sim_process *process, char *const argv[])
{
    (void)arg;
    assert_string_equal(argv[1], "argument");
    program.process = process;
    return program.refusal;
}

static size_t input(void *arg, struct sim_process *process, const char *bytes, size_t len)
{
    (void)arg;
    memcpy(program.got, bytes, len);
    program.len = len;
    assert_int_equal(sim_process_write(process, "answer\n", 7), 7);
    return len;
}

static void input_end(void *arg, struct sim_process *process)
{
    (void)arg;
    program.has_input_ended = true;
    sim_process_exit(process, 3 << 8);
}

static void killed(void *arg, struct sim_process *process)
{
    (void)arg;
    (void)process;
    program.was_killed = true;
}

static const struct sim_program_ops program_ops = {started, input, input_end, killed};

static int run_program(struct spawned *s, const char *path)
{
    char name[] = "program", argument[] = "argument";
    char *const argv[] = {name, argument, NULL};
    struct error err;

    return spawn(s, path, argv, 1000, &err);
}

static void close_spawned(const struct spawned *s)
{
    close(s->out);
    close(s->err);
    close(s->pidfd);
}

static void test_processes(void **state)
{
    struct spawned s;
    char got[10];
    int status;

    (void)state;
    sim_program("/bin/program", &program_ops, NULL);
    assert_int_equal(run_program(&s, "/bin/missing"), -1);
    program.refusal = EACCES;
    assert_int_equal(run_program(&s, "/bin/program"), -1);
    assert_int_equal(sim_usage().descriptors, 0);
    program.refusal = 0;
    assert_int_equal(run_program(&s, "/bin/program"), 0);
    assert_int_equal(write(s.in, "line\n", 5), 5);
    assert_int_equal(await(s.out, POLLIN, 1000), POLLIN);
    assert_int_equal(read(s.out, got, sizeof(got)), 7);
    assert_false(spawn_reap(&s, &status));
    close(s.in);
    assert_int_equal(await(s.pidfd, POLLIN, 1000), POLLIN);
    assert_true(program.has_input_ended);
    assert_int_equal(await(s.out, POLLIN, 0), POLLHUP);
    assert_true(spawn_reap(&s, &status));
    assert_int_equal(WEXITSTATUS(status), 3);
    assert_int_equal(sim_usage().processes, 0);
    close_spawned(&s);
}

static void test_a_kill(void **state)
{
    struct spawned s;
    int status;

    (void)state;
    sim_program("/bin/program", &program_ops, NULL);
    assert_int_equal(run_program(&s, "/bin/program"), 0);
    assert_int_equal(sim_process_log(program.process, "last words", 10), 10);
    spawn_kill(&s);
    spawn_kill(&s);
    assert_int_equal(await(s.pidfd, POLLIN, 0), POLLIN);
    assert_int_equal(await(s.err, POLLIN, 0), POLLIN | POLLHUP);
    assert_int_equal(write(s.in, "x", 1), -1);
    assert_int_equal(errno, EPIPE);
    assert_true(spawn_reap(&s, &status));
    assert_int_equal(WTERMSIG(status), SIGKILL);
    assert_false(program.was_killed);
    sim_run_for(1);
    assert_true(program.was_killed);
    assert_int_equal(sim_usage().processes, 0);
    close(s.in);
    close_spawned(&s);
}

/* Time */

static void test_pauses_and_wall_clock(void **state)
{
    struct timespec before, after;
    struct epoll_event event;
    const int epoll = epoll_create1(0);

    (void)state;
    clock_gettime(CLOCK_REALTIME, &before);
    sim_wall_step(-3600 * SECOND);
    clock_gettime(CLOCK_REALTIME, &after);
    assert_int_equal(before.tv_sec - after.tv_sec, 3600);
    sim_wall_step(3600 * SECOND);
    elapsed_ns();
    sim_pause_podop(5 * SECOND);
    assert_true(epoll_wait(epoll, &event, 1, 0) <= 0); /* 0, or interrupted */
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_elapsed(5 * SECOND);
    assert_int_equal(epoll_wait(epoll, &event, 1, 7), 0);
    assert_elapsed(7 * MS);
    close(epoll);
}

/* Notes when it runs. */
static int64_t ran_at_ns[3];

static void on_event(void *arg)
{
    int64_t *at_ns = arg;

    *at_ns = sim_now();
}

static void test_events_have_their_own_time(void **state)
{
    struct sim_event events[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        sim_event_init(&events[i], on_event, &ran_at_ns[i]);
        sim_event_in(&events[i], (3 - i) * SECOND);
    }
    sim_event_stop(&events[1]);
    elapsed_ns();
    sim_pause_podop(10 * SECOND);
    sim_run_for(1);
    sim_run_for(11 * SECOND);
    assert_true(elapsed_ns() >= 11 * SECOND);
    assert_int_equal(ran_at_ns[0] - ran_at_ns[2], 2 * SECOND);
    assert_int_equal(ran_at_ns[1], 0);
}

/* Threads and the log */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned step;
static unsigned lines;

static void on_line(void *arg, const char *line)
{
    (void)arg;
    assert_string_equal(line, "a line");
    lines++;
}

static void *write_line(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (step == 0)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
    assert_int_equal(write(STDERR_FILENO, "a line\n", 7), 7);
    step = 2;
    return NULL;
}

static void test_threads_wait(void **state)
{
    struct timespec until;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_create(&thread, NULL, write_line, NULL), 0);
    sim_log_read(on_line, NULL);
    sim_log_block(true);
    sim_run_for(SECOND);
    pthread_mutex_lock(&lock);
    step = 1;
    pthread_cond_signal(&changed);
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 4;
    elapsed_ns();
    /* The signal is not for the one that waits after it. */
    assert_int_equal(pthread_cond_timedwait(&changed, &lock, &until), ETIMEDOUT);
    assert_elapsed(4 * SECOND);
    pthread_mutex_unlock(&lock);
    assert_int_equal(lines, 0);
    assert_int_equal(await(STDERR_FILENO, POLLOUT, 10), 0);
    sim_log_block(false);
    pthread_join(thread, NULL);
    assert_int_equal(step, 2);
    assert_int_equal(lines, 1);
    assert_int_equal(sim_usage().threads, 0);
    sim_log_read(NULL, NULL);
}

/* Failures */

static int64_t count_failures(int expected, int (*call)(void))
{
    int64_t failures = 0;

    for (int i = 0; i < 1000; i++) {
        if (call() == expected)
            failures++;
    }
    return failures;
}

static int open_socket(void)
{
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    if (fd == -1)
        return errno;
    close(fd);
    return 0;
}

static void test_calls_fail_as_often_as_asked(void **state)
{
    (void)state;
    assert_int_equal(count_failures(0, open_socket), 1000);
    sim_call_faults((struct sim_call_faults){.no_descriptor = 0.5});
    assert_in_range(count_failures(EMFILE, open_socket), 200, 300);
    sim_call_faults((struct sim_call_faults){.no_memory = 0.5});
    assert_in_range(count_failures(ENOBUFS, open_socket), 200, 300);
    sim_call_faults((struct sim_call_faults){0});
    assert_int_equal(count_failures(0, open_socket), 1000);
}

static void test_reads_and_writes_fail(void **state)
{
    static const char text[100];
    struct talk t = {0};
    int fd, listener = listen_at(1001);
    ssize_t n;

    (void)state;
    t.peer = sim_connect("127.0.0.1:1001", &talk_ops, &t, (struct sim_route){0});
    fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
    sim_peer_send(t.peer, text, sizeof(text));
    sim_call_faults((struct sim_call_faults){.would_block = 1.0});
    assert_int_equal(recv(fd, t.got, 10, 0), -1);
    assert_int_equal(errno, EAGAIN);
    assert_int_equal(await(fd, POLLIN, 0), POLLIN);
    sim_call_faults((struct sim_call_faults){.short_count = 1.0});
    n = send(fd, text, sizeof(text), 0);
    assert_in_range(n, 1, sizeof(text) - 1);
    sim_call_faults((struct sim_call_faults){.send_fails = 1.0});
    assert_int_equal(send(fd, text, sizeof(text), MSG_NOSIGNAL), -1);
    assert_true(errno == ECONNRESET || errno == EPIPE);
    sim_call_faults((struct sim_call_faults){0});
    sim_run_for(1);
    assert_true(t.has_ended);
    assert_int_equal(t.how, SIM_RESET);
    sim_peer_close(&t.peer);
    close(fd);
    close(listener);
}

static void test_descriptors_end(void **state)
{
    int fds[10];

    (void)state;
    sim_descriptors_limit(10);
    for (int i = 0; i < 10; i++)
        fds[i] = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_not_equal(fds[9], -1);
    assert_int_equal(open_socket(), EMFILE);
    close(fds[4]);
    assert_int_equal(socket(AF_UNIX, SOCK_STREAM, 0), fds[4]);
    for (int i = 0; i < 10; i++)
        close(fds[i]);
    assert_int_equal(sim_usage().descriptors, 0);
}

static int no_descriptors_are_left(void **state)
{
    (void)state;
    sim_call_faults((struct sim_call_faults){0});
    return sim_usage().descriptors == 0 ? 0 : -1;
}

#define TEST(name) cmocka_unit_test_teardown(name, no_descriptors_are_left)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_segments_arrive_in_order_and_late),
        TEST(test_a_dead_route_delivers_when_it_lives_again),
        TEST(test_data_without_acknowledgement_times_out),
        TEST(test_a_peer_that_reads_nothing_fills_the_window),
        TEST(test_servers_refuse_and_reset),
        TEST(test_a_server_that_drops_is_asked_again),
        TEST(test_datagrams),
        TEST(test_processes),
        TEST(test_a_kill),
        TEST(test_pauses_and_wall_clock),
        TEST(test_events_have_their_own_time),
        TEST(test_threads_wait),
        TEST(test_calls_fail_as_often_as_asked),
        TEST(test_reads_and_writes_fail),
        TEST(test_descriptors_end),
    };

    signal(SIGPIPE, SIG_IGN);
    sim_begin(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
