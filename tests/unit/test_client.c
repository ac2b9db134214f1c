/* A client at one end of a socketpair, whose session is the test's: it takes lines. A line "bad" is
 * malformed, "later" is answered when the test says so, "full" makes the session full, a line that
 * begins with "+" is thrown away and answered with "none", and any other line is answered at once
 * by itself. */
#include "unit.h"

#include "server/client.h"
#include "server/client_input.h"
#include "server/clients.h"

#include "podop/deadline.h"

#include <ev.h>

#include <sys/socket.h>
#include <unistd.h>

struct session {
    struct session_io io;
    size_t pending;
    bool is_full;
    bool is_discarding;
};

static struct ev_loop *loop;
static struct log log_;
static struct config config;
static struct listen_config listen_;
static struct listener listener;
static struct clients clients;
static struct session *session;
static unsigned gone;
static int peer; /* the other end */

static bool claims(char first_byte)
{
    return first_byte != '?';
}

static struct session *open_session(const struct session_io *io)
{
    session = xcalloc(1, sizeof(*session));
    session->io = *io;
    return session;
}

static enum feed take_line(struct session *s, struct span line)
{
    if (span_equal(line, SPAN("bad\n")))
        return FEED_BAD;
    if (span_equal(line, SPAN("later\n")))
        s->pending++;
    else if (span_equal(line, SPAN("full\n")))
        s->is_full = true;
    else
        buf_add(s->io.out, line);
    return FEED_OK;
}

/* Throws away a line that begins with "+". Returns false when its end has not come yet. */
static bool discard(struct session *s, struct span in, size_t *used)
{
    const char *end = memchr(in.ptr, '\n', in.len);

    s->is_discarding = end == NULL;
    if (end == NULL)
        return false;
    *used += (size_t)(end - in.ptr) + 1;
    buf_add(s->io.out, SPAN("none\n"));
    return true;
}

static enum feed feed(struct session *s, struct span in, size_t *used)
{
    const char *end;

    *used = 0;
    if ((s->is_discarding || *in.ptr == '+') && !discard(s, in, used))
        return FEED_DISCARDING;
    while (!s->is_full && (end = memchr(in.ptr + *used, '\n', in.len - *used)) != NULL) {
        const size_t from = *used;

        *used = (size_t)(end - in.ptr) + 1;
        if (take_line(s, (struct span){in.ptr + from, *used - from}) == FEED_BAD)
            return FEED_BAD;
    }
    return FEED_OK;
}

static size_t pending(const struct session *s)
{
    return s->pending;
}

static bool is_full(const struct session *s)
{
    return s->is_full;
}

static void close_session(struct session **psession)
{
    assert_ptr_equal(*psession, session);
    free(session);
    *psession = session = NULL;
}

static const struct protocol_ops lines = {
    .name = "lines",
    .claims = claims,
    .open = open_session,
    .feed = feed,
    .pending = pending,
    .is_full = is_full,
    .close = close_session,
};

static const struct protocol_ops *find_lines(enum listen_mode mode, char first_byte)
{
    (void)mode;
    return lines.claims(first_byte) ? &lines : NULL;
}

static void on_gone(void *arg)
{
    (void)arg;
    gone++;
}

static int setup(void **state)
{
    int ends[2];

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    service_clock_hold(loop);
    log_init(&log_);
    log_.level = LOG_LEVEL_ERROR;
    config = (struct config){.refs = 1};
    listen_ = (struct listen_config){.max_clients = 8, .request_timeout_ms = 1000000};
    listener = (struct listener){
        .loop = loop, .fd = -1, .service = listener_service_new(&config, &listen_, &log_)};
    clients_init(&clients, loop, &log_);
    clients.find_protocol = find_lines;
    clients.on_gone = on_gone;
    gone = 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == -1)
        return -1;
    peer = ends[0];
    listener.clients++;
    clients_add(&clients, &listener, ends[1]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clients_deinit(&clients);
    assert_null(session);
    assert_int_equal(listener.clients, 0);
    listener_service_unref(&listener.service);
    close(peer);
    service_clock_release(loop);
    ev_loop_destroy(loop);
    log_deinit(&log_);
    return 0;
}

static void turns(void)
{
    for (int i = 0; i < 4; i++)
        ev_run(loop, EVRUN_NOWAIT);
}

static void send_text(const char *text)
{
    assert_int_equal(send(peer, text, strlen(text), 0), strlen(text));
    turns();
}

static void assert_received(const char *expected)
{
    char text[200] = "";
    ssize_t n = recv(peer, text, sizeof(text) - 1, 0);

    assert_true(n >= 0 || expected[0] == '\0');
    assert_string_equal(text, expected);
}

static bool is_hung_up(void)
{
    char byte;

    return recv(peer, &byte, 1, 0) == 0;
}

static void answer_later(const char *text)
{
    session->pending--;
    buf_add(session->io.out, span_of(text));
    session->io.wake(session->io.wake_arg);
    turns();
}

static struct client *client(void)
{
    return CONTAINER_OF(list_first(&clients.all), struct client, node);
}

static void test_answers(void **state)
{
    (void)state;
    send_text("one\ntwo\n");
    assert_received("one\ntwo\n");
    send_text("three\n");
    assert_received("three\n");
    assert_int_equal(clients.connections, 1);
}

static void test_a_part_of_a_request_is_kept(void **state)
{
    (void)state;
    send_text("one\ntw");
    assert_received("one\n");
    assert_true(deadline_is_running(&client()->deadline));
    send_text("o\n");
    assert_received("two\n");
    assert_false(deadline_is_running(&client()->deadline));
    assert_null(client()->in.ptr); /* an idle client owns no buffer */
    assert_null(client()->out.ptr);
}

/* Nothing of it is kept, and it has no more time than any other request. */
static void test_a_request_that_is_thrown_away(void **state)
{
    uint64_t ends_at_ms;

    (void)state;
    send_text("+ten");
    assert_received("");
    assert_true(deadline_is_running(&client()->deadline));
    ends_at_ms = client()->deadline.at_ms;
    listen_.request_timeout_ms *= 2; /* a deadline that is started again is another one */
    send_text("eleven");
    assert_null(client()->in.ptr);
    assert_int_equal(client()->deadline.at_ms, ends_at_ms);
    send_text("twelve\ntwo\n");
    assert_received("none\ntwo\n");
    assert_false(deadline_is_running(&client()->deadline));
    send_text("+one\n");
    assert_received("none\n");
}

static void test_a_full_session_is_not_read(void **state)
{
    (void)state;
    send_text("later\n");
    session->is_full = true;
    send_text("two\n"); /* read, as it had been watched, but kept */
    send_text("three\n");
    assert_received("");
    assert_int_equal(clients_count(&clients).requests, 1);
    session->is_full = false;
    answer_later("one\n");
    turns();
    assert_received("one\ntwo\nthree\n");
}

static void test_a_peer_that_hangs_up_is_freed(void **state)
{
    (void)state;
    send_text("later\n");
    close(peer);
    turns();
    assert_int_equal(gone, 1);
    assert_int_equal(clients_count(&clients).clients, 0);
}

/* READING -> DRAINING: the answer is still written to a peer that only stopped sending. */
static void test_a_peer_that_stops_sending_gets_its_answers(void **state)
{
    (void)state;
    send_text("later\n");
    shutdown(peer, SHUT_WR);
    turns();
    assert_int_equal(client()->phase, CLIENT_DRAINING);
    answer_later("one\n");
    assert_received("one\n");
    assert_true(is_hung_up());
    assert_int_equal(gone, 1);
}

/* While others need all of the turns, a session may have room again, and its client may be read,
 * before the client is served. */
static void test_a_peer_that_stops_sending_loses_no_kept_request(void **state)
{
    struct client *c = client();

    (void)state;
    assert_int_equal(send(peer, "full\nkept\npart", 14, 0), 14);
    assert_true(client_input_read(c));
    session->is_full = false;
    shutdown(peer, SHUT_WR);
    assert_true(client_input_read(c));
    client_serve(c);
    turns();
    assert_received("kept\n");
    assert_int_equal(gone, 1);
}

/* READING -> DRAINING -> LINGERING -> freed. */
static void test_a_refused_client_can_read_its_answers(void **state)
{
    (void)state;
    send_text("later\nbad\nnever read\n");
    assert_int_equal(client()->phase, CLIENT_DRAINING);
    answer_later("one\n");
    assert_int_equal(client()->phase, CLIENT_LINGERING);
    assert_received("one\n");
    assert_true(is_hung_up());
    send_text("ignored\n");
    assert_int_equal(gone, 0);
    close(peer);
    turns();
    assert_int_equal(gone, 1);
}

static void test_an_unknown_protocol_is_refused(void **state)
{
    (void)state;
    send_text("?");
    assert_int_equal(client()->phase, CLIENT_LINGERING);
    assert_null(session);
    assert_true(is_hung_up());
}

/* READING -> READING_LAST -> DRAINING -> freed. */
static void test_a_stop_answers_what_has_arrived(void **state)
{
    (void)state;
    send_text("later\n");
    session->is_full = true;
    assert_int_equal(send(peer, "two\n", 4, 0), 4);
    clients_stop(&clients);
    assert_int_equal(client()->phase, CLIENT_READING_LAST);
    turns();
    session->is_full = false;
    answer_later("one\n");
    assert_received("one\ntwo\n");
    assert_true(is_hung_up());
    assert_int_equal(gone, 1);
}

static void test_a_stop_hangs_up_on_an_idle_client(void **state)
{
    (void)state;
    clients_stop(&clients);
    turns();
    assert_true(is_hung_up());
    assert_int_equal(gone, 1);
}

#define CLIENT(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CLIENT(test_answers),
        CLIENT(test_a_part_of_a_request_is_kept),
        CLIENT(test_a_request_that_is_thrown_away),
        CLIENT(test_a_full_session_is_not_read),
        CLIENT(test_a_peer_that_hangs_up_is_freed),
        CLIENT(test_a_peer_that_stops_sending_gets_its_answers),
        CLIENT(test_a_peer_that_stops_sending_loses_no_kept_request),
        CLIENT(test_a_refused_client_can_read_its_answers),
        CLIENT(test_an_unknown_protocol_is_refused),
        CLIENT(test_a_stop_answers_what_has_arrived),
        CLIENT(test_a_stop_hangs_up_on_an_idle_client),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
