#include "client_input.h"

#include "client_output.h"
#include "protocol/protocols.h"

#include "podop/socket_io.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>

enum {
    IN_BYTES_MAX = 64 * 1024 * 1024 + 2 * SCRATCH_BYTES, /* the largest max_request, and a read */
    READS_PER_WAKEUP = 4,                                /* then other clients are read */
    REFUSAL_BYTES_MAX = 4096,
};

void client_input_init(struct client *c)
{
    buf_init(&c->in, IN_BYTES_MAX); /* stays small: while the session is full, nothing is read */
}

static void on_session_news(void *arg)
{
    struct client *c = arg;

    client_count_memory(c);
    client_turns_wake(&c->clients->turns, &c->turn);
}

static bool open_session(struct client *c, char first_byte)
{
    const struct session_io io = {
        .service = &c->listener->service->base,
        .out = &c->out,
        .wake = on_session_news,
        .wake_arg = c,
        .conn = c->conn,
        .is_under_memory_pressure = &c->clients->memory.is_under_pressure,
    };

    c->protocol = c->clients->find_protocol(c->listener->service->base.listen->mode, first_byte);
    if (c->protocol == NULL)
        return false;
    c->session = c->protocol->open(&io);
    return true;
}

void client_input_refuse(struct client *c, const char *why)
{
    log_info(c->clients->log, "client_refused", LOG_UINT("conn", c->conn),
             LOG_STR("socket", c->listener->address.text), LOG_STR("reason", why));
    c->phase = CLIENT_DRAINING;
    c->must_linger = true;
    deadline_stop(&c->deadline);
    buf_deinit(&c->in);
}

static void refuse_first_byte(struct client *c, char first_byte)
{
    char byte[64];
    struct buf why;

    snprintf(byte, sizeof(byte), "unknown protocol: first byte 0x%02x ",
             (unsigned)(unsigned char)first_byte);
    buf_init(&why, REFUSAL_BYTES_MAX);
    buf_add(&why, span_of(byte));
    protocol_add_refusal(&why, c->listener->service->base.listen->mode);
    client_input_refuse(c, buf_string(&why));
    buf_deinit(&why);
}

/* Starts or stops the deadline by which the rest of a request has to arrive. */
static void time_rest(struct client *c, bool is_waiting, bool made_progress)
{
    if (c->phase != CLIENT_READING || !is_waiting)
        deadline_stop(&c->deadline);
    else if (made_progress || !deadline_is_running(&c->deadline))
        deadline_start_in(&c->deadline, c->clients->loop,
                          c->listener->service->base.listen->request_timeout_ms);
}

static void time_request(struct client *c, bool made_progress)
{
    time_rest(c, c->in.len > 0 && !client_is_full(c), made_progress);
}

/* Ends a feed after which no bytes are kept. */
static void end_feed(struct client *c, enum feed result, size_t used)
{
    if (result == FEED_BAD) {
        client_input_refuse(c, "malformed request, or a line that is longer than max_request");
        return;
    }
    buf_deinit(&c->in);
    time_rest(c, true, used > 0);
}

/* Passes bytes to the session and sets *used to how many it took. Returns false when no bytes are
 * kept, because the client was refused or the session throws a long request away. */
static bool feed(struct client *c, struct span bytes, size_t *used)
{
    const size_t out_before = c->out.len;
    enum feed result;

    *used = 0;
    result = c->protocol->feed(c->session, bytes, used);
    c->clients->turns.cost += c->out.len - out_before;
    if (result == FEED_OK)
        return true;
    end_feed(c, result, *used);
    return false;
}

void client_input_feed_kept(struct client *c)
{
    size_t used;

    if (client_is_full(c) || !feed(c, buf_span(&c->in), &used))
        return;
    c->clients->turns.cost += used * TURN_REQUEST_BYTE_COST;
    buf_drop(&c->in, used);
    if (c->in.len == 0)
        buf_deinit(&c->in);
    time_request(c, used > 0);
}

static void feed_new(struct client *c, struct span bytes)
{
    size_t used;

    if (c->session == NULL && !open_session(c, *bytes.ptr)) {
        refuse_first_byte(c, *bytes.ptr);
        return;
    }
    if (c->in.len > 0) {
        buf_add(&c->in, bytes);
        client_input_feed_kept(c);
    } else if (feed(c, bytes, &used)) {
        if (used < bytes.len)
            buf_add(&c->in, span_skip(bytes, used));
        time_request(c, true);
    }
}

/* Returns whether the client has closed its unix socket. A client that has only shut down its
 * sending side still reads answers; with TCP, the two look the same. */
static bool is_hung_up(int fd)
{
    struct pollfd state = {.fd = fd};

    return poll(&state, 1, 0) == 1 && (state.revents & POLLHUP) != 0;
}

static size_t read_bytes_max(const struct client *c)
{
    return c->phase == CLIENT_READING_LAST && c->last_bytes < SCRATCH_BYTES ? c->last_bytes
                                                                            : SCRATCH_BYTES;
}

static void count_last_bytes(struct client *c, size_t n)
{
    if (c->phase != CLIENT_READING_LAST)
        return;
    c->last_bytes -= n;
    if (c->last_bytes == 0)
        c->phase = CLIENT_DRAINING;
}

/* Requests that are kept, because the session was full, are still to be answered. */
static void end_of_requests(struct client *c)
{
    c->phase = CLIENT_DRAINING;
    deadline_stop(&c->deadline);
}

bool client_input_read(struct client *c)
{
    const size_t out_end = c->out.len + OUT_BYTES_PER_WAKEUP;

    client_output_prepare(c);
    for (int i = 0; i < READS_PER_WAKEUP && c->out.len < out_end && client_is_read(c); i++) {
        ssize_t n = socket_recv(c->io.fd, c->clients->scratch, read_bytes_max(c), 0);

        if (n == -1)
            return errno == EAGAIN || errno == EINTR;
        if (n == 0 && is_hung_up(c->io.fd))
            return false;
        if (n == 0) {
            end_of_requests(c);
            return true;
        }
        count_last_bytes(c, (size_t)n);
        c->clients->turns.cost += (size_t)n * TURN_REQUEST_BYTE_COST;
        feed_new(c, (struct span){c->clients->scratch, (size_t)n});
        if (n < SCRATCH_BYTES)
            return true; /* most likely no more has arrived */
        c->is_stalled = false;
        client_count_memory(c); /* the bytes may belong to a large transaction */
    }
    return true;
}

bool client_input_discard(struct client *c)
{
    ssize_t n = socket_recv(c->io.fd, c->clients->scratch, SCRATCH_BYTES, 0);

    return n > 0 || (n == -1 && (errno == EAGAIN || errno == EINTR));
}

size_t client_input_arrived_bytes(const struct client *c)
{
    int bytes;

    return ioctl(c->io.fd, FIONREAD, &bytes) == -1 || bytes < 0 ? 0 : (size_t)bytes;
}

void client_input_read_last(struct client *c)
{
    if (c->phase != CLIENT_READING)
        return;
    c->last_bytes = client_input_arrived_bytes(c);
    c->phase = c->last_bytes > 0 ? CLIENT_READING_LAST : CLIENT_DRAINING;
    client_input_read(c); /* a broken connection is found again when answers are written */
    deadline_stop(&c->deadline);
    client_turns_wake(&c->clients->turns, &c->turn);
}
