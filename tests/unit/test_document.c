/* test_document.c - a rendering is shared, done in slices, and begun again at a reload. */
#include "unit.h"

#include "podop/clock.h"
#include "podop/deadline.h"

#include "monitor/document.h"

#include <ev.h>

#include <sys/socket.h>
#include <unistd.h>

enum { STEPS = 10, CLIENTS = 16, TURNS_MAX = 10000, STEP_US = 300 /* longer than a slice */ };

struct state {
    unsigned steps;
};

static struct ev_loop *loop;
static struct web_server *server;
static struct document document;
static int clients[CLIENTS];
static unsigned steps, ends, gone, steps_max;
static unsigned fails_at; /* the step with too much output; 0: none */

static bool step(struct rendering *r)
{
    struct state *s = r->state;
    const uint64_t until_us = clock_now_us() + STEP_US;

    while (clock_now_us() < until_us)
        ;
    steps++;
    s->steps++;
    buf_add_char(r->out, (char)('a' + s->steps - 1));
    if (s->steps == fails_at)
        r->out->is_over = true;
    r->status = 200 + s->steps / STEPS;
    return s->steps < STEPS;
}

static void end(void *state)
{
    (void)state;
    ends++;
}

static const struct document_kind kind = {
    .path = "/",
    .media_type = "text/plain",
    .state_bytes = sizeof(struct state),
    .step = step,
    .end = end,
};

static struct monitor_view view(void *arg)
{
    (void)arg;
    return (struct monitor_view){.loop = loop};
}

static void handle(void *arg, struct web_request *request)
{
    (void)arg;
    document_ask(&document, request);
}

static void on_gone(void *arg)
{
    (void)arg;
    gone++;
}

static int setup(void **state)
{
    struct error err = {0};

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    server = web_server_new(loop, handle, NULL, &err);
    assert_non_null(server);
    document_init(&document, &kind, loop, view, NULL);
    steps = ends = gone = fails_at = steps_max = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        int pair[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
        clients[i] = pair[0];
        web_server_add(server, pair[1], on_gone, NULL);
    }
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    if (loop == NULL)
        return 0;
    if (server != NULL)
        document_deinit(&document);
    web_server_free(&server);
    for (size_t i = 0; i < CLIENTS; i++)
        close(clients[i]);
    service_clock_release(loop);
    ev_loop_destroy(loop);
    loop = NULL;
    return 0;
}

static void ask(int fd)
{
    static const char text[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

/* Does a turn, and notes the largest number of steps in one. */
static void turn(void)
{
    const unsigned before = steps;

    ev_run(loop, EVRUN_NOWAIT);
    if (steps - before > steps_max)
        steps_max = steps - before;
}

static void assert_answer(int fd, const char *begin, const char *end_text)
{
    char text[4096] = "";
    size_t len = 0;

    for (int i = 0; i < TURNS_MAX && strstr(text, end_text) == NULL; i++) {
        ssize_t n;

        turn();
        n = read(fd, text + len, sizeof(text) - 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    assert_memory_equal(text, begin, strlen(begin));
    assert_true(len > strlen(end_text));
    assert_string_equal(text + len - strlen(end_text), end_text);
}

/* One rendering answers all, and a turn never has more than one slice of it. */
static void test_shared(void **state)
{
    (void)state;
    for (size_t i = 0; i < CLIENTS; i++)
        ask(clients[i]);
    for (size_t i = 0; i < CLIENTS; i++)
        assert_answer(clients[i], "HTTP/1.1 201 ", "\r\n\r\nabcdefghij");
    assert_int_equal(document.renderings, 1);
    assert_int_equal(steps, STEPS);
    assert_int_equal(steps_max, 1); /* because a step is longer than a slice */
    assert_int_equal(ends, 1);
}

static void test_again(void **state)
{
    (void)state;
    for (unsigned i = 1; i <= 3; i++) {
        ask(clients[i]);
        assert_answer(clients[i], "HTTP/1.1 201 ", "\r\n\r\nabcdefghij");
        assert_int_equal(document.renderings, i);
        assert_int_equal(ends, i);
    }
}

/* A request that comes while a rendering is under way shares it. */
static void test_join(void **state)
{
    (void)state;
    ask(clients[0]);
    while (steps < STEPS / 2)
        turn();
    ask(clients[1]);
    assert_answer(clients[1], "HTTP/1.1 201 ", "\r\n\r\nabcdefghij");
    assert_answer(clients[0], "HTTP/1.1 201 ", "\r\n\r\nabcdefghij");
    assert_int_equal(document.renderings, 1);
}

static void test_restart(void **state)
{
    (void)state;
    document_restart(&document); /* nothing is under way */
    assert_int_equal(document.renderings, 0);
    ask(clients[0]);
    while (steps < STEPS / 2)
        turn();
    document_restart(&document);
    assert_int_equal(ends, 1);
    assert_answer(clients[0], "HTTP/1.1 201 ", "\r\n\r\nabcdefghij");
    assert_int_equal(document.renderings, 2);
    assert_int_equal(ends, 2);
}

static void test_too_large(void **state)
{
    (void)state;
    fails_at = 3;
    ask(clients[0]);
    ask(clients[1]);
    assert_answer(clients[0], "HTTP/1.1 500 ", "the document is too large\n");
    assert_answer(clients[1], "HTTP/1.1 500 ", "the document is too large\n");
    assert_int_equal(ends, 1);
    fails_at = 0;
    ask(clients[2]);
    assert_answer(clients[2], "HTTP/1.1 201 ", "\r\n\r\nabcdefghij");
}

/* A client that leaves changes nothing for the others. */
static void test_leave(void **state)
{
    (void)state;
    ask(clients[0]);
    ask(clients[1]);
    while (steps < STEPS / 2)
        turn();
    close(clients[0]);
    clients[0] = -1;
    assert_answer(clients[1], "HTTP/1.1 201 ", "\r\n\r\nabcdefghij");
    for (int i = 0; i < TURNS_MAX && gone < 2; i++)
        turn();
    assert_int_equal(gone, 2); /* the other one is closed after its answer, since there are many */
}

/* The end of podop in the middle of a rendering, as monitor_free() does it. */
static void test_stop(void **state)
{
    (void)state;
    ask(clients[0]);
    while (steps < STEPS / 2)
        turn();
    document_deinit(&document);
    web_server_free(&server);
    assert_int_equal(ends, 1);
    assert_int_equal(gone, CLIENTS);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_shared),    WITH(test_again), WITH(test_join), WITH(test_restart),
        WITH(test_too_large), WITH(test_leave), WITH(test_stop),
    };

    if (!web_server_is_built()) {
        print_message("built without libmicrohttpd: nothing to test\n");
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
