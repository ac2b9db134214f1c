/* tls_client.c - the rules are those of ssl/record/rec_layer_s3.c and statem.c of OpenSSL 3.0: a
 * read gives bytes of one record, after it is whole; records without data are taken on the way; a
 * write that was begun has to be ended before anything else is written. */
#include "tls_client.h"

#include "podop/mem.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { BUFFER_BYTES_MAX = 4 * TLS_RECORD_BYTES_MAX };

enum tls_library tls_client_library(void)
{
    struct sim_random random = sim_random_of("openssl");

    return (enum tls_library)sim_random(&random, 3);
}

struct tls_client *tls_client_new(int fd, const char *host, struct span trust)
{
    static struct sim_random random;
    static bool has_random;
    struct tls_client *c = xcalloc(1, sizeof(*c));

    if (!has_random)
        random = sim_random_of("tls client");
    has_random = true;
    c->fd = fd;
    buf_init(&c->trust, BUF_LIMITED_BY_INPUT);
    buf_add(&c->trust, trust);
    snprintf(c->host, sizeof(c->host), "%s", host);
    c->accepts_eof = true;
    c->reads_ahead = sim_chance(&random, 0.5);
    buf_init(&c->in, BUFFER_BYTES_MAX);
    buf_init(&c->plain, BUFFER_BYTES_MAX);
    buf_init(&c->out, BUFFER_BYTES_MAX);
    return c;
}

void tls_client_free(struct tls_client **pclient)
{
    struct tls_client *c = *pclient;

    if (c == NULL)
        return;
    *pclient = NULL;
    buf_deinit(&c->trust);
    buf_deinit(&c->in);
    buf_deinit(&c->plain);
    buf_deinit(&c->out);
    free(c);
}

static enum tls_want fail(struct tls_client *c, const char *reason)
{
    c->state = TLS_BROKEN;
    snprintf(c->reason, sizeof(c->reason), "%s", reason);
    return TLS_FAILED;
}

/* The socket */

static enum tls_want fail_by_errno(struct tls_client *c)
{
    const int error = errno;
    enum tls_want want = fail(c, strerror(error));

    errno = error;
    return want;
}

static bool is_temporary(int error)
{
    return error == EAGAIN || error == EINTR;
}

static enum tls_want flush(struct tls_client *c)
{
    while (c->out.len > 0) {
        const ssize_t n = send(c->fd, c->out.ptr, c->out.len, MSG_NOSIGNAL);

        if (n == -1)
            return is_temporary(errno) ? TLS_WANTS_WRITE : fail_by_errno(c);
        buf_drop(&c->out, (size_t)n);
    }
    return TLS_DONE;
}

static enum tls_want take_eof(struct tls_client *c)
{
    if (c->state != TLS_OPEN) {
        errno = 0;
        return fail(c, "SSL_ERROR_SYSCALL");
    }
    if (tls_client_library() != TLS_OPENSSL_3)
        c->is_at_eof = true;
    else if (c->accepts_eof)
        c->is_shut = true;
    else
        return fail(c, "unexpected eof while reading");
    return TLS_DONE;
}

/* Receives what is missing of the first record, or all that there is. */
static enum tls_want fill(struct tls_client *c)
{
    const size_t missing = tls_record_len(buf_span(&c->in)) - c->in.len;
    const size_t max = c->reads_ahead ? TLS_RECORD_BYTES_MAX : missing;
    char *to = buf_reserve(&c->in, max);
    ssize_t n;

    if (to == NULL)
        abort();
    n = recv(c->fd, to, max, 0);
    if (n == -1)
        return is_temporary(errno) ? TLS_WANTS_READ : fail_by_errno(c);
    if (n == 0)
        return take_eof(c);
    c->in.len += (size_t)n;
    return TLS_DONE;
}

static bool has_ended(const struct tls_client *c)
{
    return c->is_shut || c->is_at_eof;
}

/* Gets the first record whole. It is at the front of in then, unless the connection has ended. */
static enum tls_want get_record(struct tls_client *c)
{
    size_t len;

    while (!has_ended(c) && (len = tls_record_len(buf_span(&c->in))) > c->in.len) {
        const enum tls_want want = fill(c);

        if (want != TLS_DONE)
            return want;
    }
    return !has_ended(c) && len == 0 ? fail(c, "wrong version number") : TLS_DONE;
}

/* Handshakes */

static void send_message(struct tls_client *c, enum tls_record_type type, const char *message)
{
    tls_record_add(&c->out, type, span_of(message));
}

static bool is_trusted(const struct tls_client *c, const char *authority)
{
    if (c->trust.len == 0)
        return strcmp(authority, TLS_PUBLIC_AUTHORITY) == 0;
    return memmem(c->trust.ptr, c->trust.len, authority, strlen(authority)) != NULL;
}

/* A certificate that is refused: the client says so, and hangs up. */
static enum tls_want refuse(struct tls_client *c, const char *reason)
{
    send_message(c, TLS_ALERT, "bad certificate");
    (void)flush(c);
    return fail(c, reason);
}

static enum tls_want verify(struct tls_client *c, struct span message)
{
    char text[300], name[100], authority[40], status[40], rounds[10];

    snprintf(text, sizeof(text), "%.*s", (int)message.len, message.ptr);
    if (sscanf(text, TLS_CERTIFICATE "%99s %39s %39s %9s", name, authority, status, rounds) != 4)
        return fail(c, "length mismatch");
    c->has_two_rounds = strcmp(rounds, "2") == 0;
    if (!is_trusted(c, authority))
        return refuse(c, "certificate problem: unable to get local issuer certificate");
    if (strcmp(status, "valid") != 0)
        return refuse(c, "certificate problem: certificate has expired");
    if (strcmp(name, c->host) != 0)
        return refuse(c, "no alternative certificate subject name matches target host name");
    return TLS_DONE;
}

static enum tls_want take_message(struct tls_client *c, const struct tls_record *record)
{
    if (tls_record_is(record, TLS_HANDSHAKE, TLS_TICKET) && c->was_open)
        return TLS_DONE;
    if (tls_record_is(record, TLS_HANDSHAKE, TLS_HELLO_REQUEST) && c->was_open) {
        if (c->state == TLS_OPEN) /* else there is one under way */
            c->state = TLS_STARTS;
        return TLS_DONE;
    }
    if (c->state == TLS_AWAITS_SERVER && tls_record_is(record, TLS_HANDSHAKE, TLS_CERTIFICATE))
        return verify(c, record->payload);
    if (c->state == TLS_AWAITS_SERVER && tls_record_is(record, TLS_HANDSHAKE, TLS_SERVER_DONE)) {
        send_message(c, TLS_HANDSHAKE, TLS_FINISHED);
        c->state = c->has_two_rounds ? TLS_AWAITS_FINISHED : TLS_OPEN;
        return TLS_DONE;
    }
    if (c->state == TLS_AWAITS_FINISHED && tls_record_is(record, TLS_HANDSHAKE, TLS_FINISHED)) {
        c->state = TLS_OPEN;
        return TLS_DONE;
    }
    return fail(c, "unexpected message");
}

static enum tls_want take_alert(struct tls_client *c, const struct tls_record *record)
{
    char text[100];

    if (tls_record_is(record, TLS_ALERT, TLS_CLOSE_NOTIFY) && c->was_open) {
        c->is_shut = true;
        return TLS_DONE;
    }
    snprintf(text, sizeof(text), "alert %.*s", (int)record->payload.len, record->payload.ptr);
    errno = 0;
    return fail(c, text);
}

/* Takes the first record. */
static enum tls_want take_record(struct tls_client *c)
{
    const struct tls_record record = tls_record_parse(buf_span(&c->in));
    enum tls_want want = TLS_DONE;

    if (record.type == TLS_HANDSHAKE)
        want = take_message(c, &record);
    else if (record.type == TLS_ALERT)
        want = take_alert(c, &record);
    else if (c->was_open)
        buf_add(&c->plain, record.payload);
    else
        want = fail(c, "unexpected message");
    buf_drop(&c->in, TLS_HEADER_BYTES + record.payload.len);
    return want;
}

static void start(struct tls_client *c)
{
    char text[120];

    snprintf(text, sizeof(text), TLS_CLIENT_HELLO "%s", c->host);
    send_message(c, TLS_HANDSHAKE, text);
    c->state = TLS_AWAITS_SERVER;
}

/* Sends what waits, and receives and takes one record. */
static enum tls_want step(struct tls_client *c)
{
    enum tls_want want = flush(c);

    if (want == TLS_DONE)
        want = get_record(c);
    if (want == TLS_DONE && has_ended(c))
        want = fail(c, "SSL_ERROR_SYSCALL");
    return want == TLS_DONE ? take_record(c) : want;
}

enum tls_want tls_client_handshake(struct tls_client *c)
{
    enum tls_want want = c->state == TLS_BROKEN ? TLS_FAILED : TLS_DONE;

    while (want == TLS_DONE && c->state != TLS_OPEN) {
        if (c->state == TLS_STARTS)
            start(c);
        want = step(c);
    }
    if (want == TLS_DONE)
        want = flush(c);
    if (want == TLS_DONE)
        c->was_open = true;
    return want;
}

/* Reading and writing */

/* Whether a handshake is under way that has to end first. */
static bool is_shaking(const struct tls_client *c)
{
    return c->state != TLS_OPEN || (c->out.len > 0 && c->pending_len == 0);
}

static enum tls_want read_some(struct tls_client *c, void *to, size_t max, size_t *n)
{
    enum tls_want want = TLS_DONE;

    while (c->plain.len == 0 && !has_ended(c)) {
        want = is_shaking(c) ? tls_client_handshake(c) : get_record(c);
        if (want != TLS_DONE)
            return want;
        if (!has_ended(c) && tls_record_len(buf_span(&c->in)) <= c->in.len)
            want = take_record(c);
        if (want != TLS_DONE)
            return want;
    }
    *n = c->plain.len < max ? c->plain.len : max;
    if (*n == 0)
        return TLS_DONE;
    memcpy(to, c->plain.ptr, *n);
    buf_drop(&c->plain, *n);
    return TLS_DONE;
}

enum tls_want tls_client_read(struct tls_client *c, void *to, size_t max, size_t *n)
{
    *n = 0;
    return c->wants = read_some(c, to, max, n);
}

static enum tls_want end_write(struct tls_client *c, size_t *n)
{
    const enum tls_want want = flush(c);

    if (want != TLS_DONE)
        return want;
    *n = c->pending_len;
    c->pending_len = 0;
    return TLS_DONE;
}

static enum tls_want write_some(struct tls_client *c, const void *bytes, size_t len, size_t *n)
{
    enum tls_want want;

    if (c->state == TLS_BROKEN)
        return TLS_FAILED;
    if (c->pending_len > 0 && (bytes != c->pending || len < c->pending_len))
        return fail(c, "bad write retry");
    if (c->pending_len > 0)
        return end_write(c, n);
    want = is_shaking(c) ? tls_client_handshake(c) : TLS_DONE;
    if (want != TLS_DONE)
        return want;
    c->pending = bytes;
    c->pending_len = len < TLS_PAYLOAD_BYTES_MAX ? len : TLS_PAYLOAD_BYTES_MAX;
    tls_record_add(&c->out, TLS_DATA, (struct span){bytes, c->pending_len});
    return end_write(c, n);
}

enum tls_want tls_client_write(struct tls_client *c, const void *bytes, size_t len, size_t *n)
{
    *n = 0;
    return c->wants = write_some(c, bytes, len, n);
}

void tls_client_shut(struct tls_client *c)
{
    if (c->state != TLS_OPEN || !c->was_open)
        return;
    send_message(c, TLS_ALERT, TLS_CLOSE_NOTIFY);
    (void)flush(c);
}
