#include "tls_server.h"

#include "../kernel/tls_record.h"

#include "podop/mem.h"

#include <stdio.h>
#include <string.h>

const char *const tls_fault_names[TLS_FAULTS] = {
    [TLS_WELL] = "well",
    [TLS_HANGS] = "TLS hangs",
    [TLS_REFUSES] = "TLS refuses",
    [TLS_RESETS] = "TLS resets",
    [TLS_EXPIRED] = "TLS expired",
    [TLS_WRONG_NAME] = "TLS wrong name",
    [TLS_UNKNOWN_AUTHORITY] = "TLS unknown authority",
};

struct tls_server {
    struct sim_peer *peer;
    const struct tls_identity *identity;
    const struct tls_manner *manner;
    const struct sim_peer_ops *ops; /* NULL: closed, but not all is sent */
    void *arg;
    struct sim_random random;
    enum {
        AWAITS_HELLO,
        HANGS,
        AWAITS_FINISHED,
        OPEN,
        REFUSED, /* takes nothing any more */
    } state;
    bool was_open, has_two_rounds;
    struct buf plain;   /* what ops has not taken */
    struct buf out;     /* records that the peer has not taken */
    size_t pending_len; /* of a send that is not over: they are in out */
    bool has_ended;     /* the client's end is gone: room for more may never come */
};

static size_t on_data(void *arg, const char *bytes, size_t len);
static void on_end(void *arg, enum sim_end how);
static void on_room(void *arg);

static const struct sim_peer_ops peer_ops = {on_data, on_end, on_room};

struct tls_server *tls_server_new(struct sim_peer *peer, const struct tls_identity *identity,
                                  const struct tls_manner *manner, const struct sim_peer_ops *ops,
                                  void *arg)
{
    static uint64_t count;
    struct tls_server *s = xcalloc(1, sizeof(*s));

    s->peer = peer;
    s->identity = identity;
    s->manner = manner;
    s->ops = ops;
    s->arg = arg;
    s->random = sim_random_of("tls server");
    s->random.state += ++count;
    buf_init(&s->plain, BUF_LIMITED_BY_INPUT);
    buf_init(&s->out, BUF_LIMITED_BY_INPUT);
    sim_peer_set(peer, &peer_ops, s);
    return s;
}

static void free_server(struct tls_server *s)
{
    buf_deinit(&s->plain);
    buf_deinit(&s->out);
    free(s);
}

/* Sending */

static void flush(struct tls_server *s)
{
    if (s->out.len > 0)
        buf_drop(&s->out, sim_peer_send(s->peer, s->out.ptr, s->out.len));
}

static void send_message(struct tls_server *s, enum tls_record_type type, const char *message)
{
    tls_record_add(&s->out, type, span_of(message));
    flush(s);
}

/* Sends one record of data. Returns how many bytes were taken by the peer. */
static size_t send_record(struct tls_server *s, struct span bytes)
{
    const size_t max = s->manner->record == 0 ? TLS_PAYLOAD_BYTES_MAX : s->manner->record;

    if (bytes.len > max)
        bytes.len = max;
    if (sim_chance(&s->random, s->manner->empty))
        tls_record_add(&s->out, TLS_DATA, SPAN(""));
    tls_record_add(&s->out, TLS_DATA, bytes);
    flush(s);
    s->pending_len = s->out.len > 0 ? bytes.len : 0;
    return bytes.len - s->pending_len;
}

size_t tls_server_send(struct tls_server *s, const void *bytes, size_t len)
{
    size_t all = 0;

    if (s->state != OPEN) /* on_room() comes after the handshake */
        return 0;
    flush(s);
    if (s->out.len > 0)
        return 0;
    all = s->pending_len;
    s->pending_len = 0;
    while (all < len && s->out.len == 0)
        all += send_record(s, (struct span){(const char *)bytes + all, len - all});
    return all;
}

void tls_server_ticket(struct tls_server *s)
{
    if (s->state == OPEN && s->out.len == 0)
        send_message(s, TLS_HANDSHAKE, TLS_TICKET);
}

void tls_server_hold(struct tls_server *s, bool is_held)
{
    sim_peer_hold(s->peer, is_held);
}

/* Handshakes */

void tls_server_renegotiate(struct tls_server *s)
{
    if (s->state != OPEN || !s->has_two_rounds || s->out.len > 0)
        return;
    s->state = AWAITS_HELLO;
    send_message(s, TLS_HANDSHAKE, TLS_HELLO_REQUEST);
}

/* Sends a certificate of some KiB, in one record or more. */
static void send_certificate(struct tls_server *s)
{
    enum { FILL_MAX = 6000 };
    const enum tls_fault fault = s->was_open ? TLS_WELL : s->manner->fault;
    size_t fill = (size_t)sim_random(&s->random, FILL_MAX);
    char text[FILL_MAX + 300];
    int len;

    len = snprintf(text, sizeof(text), TLS_CERTIFICATE "%s %s %s %d ",
                   fault == TLS_WRONG_NAME ? "other.example" : s->identity->name,
                   fault == TLS_UNKNOWN_AUTHORITY ? "nobody" : s->identity->authority,
                   fault == TLS_EXPIRED ? "expired" : "valid", s->has_two_rounds ? 2 : 1);
    memset(text + len, '.', fill);
    tls_record_add(&s->out, TLS_HANDSHAKE, (struct span){text, (size_t)len + fill});
    send_message(s, TLS_HANDSHAKE, TLS_SERVER_DONE);
}

static void answer_hello(struct tls_server *s)
{
    if (!s->was_open)
        s->has_two_rounds = !sim_chance(&s->random, s->manner->one_round);
    s->state = AWAITS_FINISHED;
    send_certificate(s);
}

static void take_hello(struct tls_server *s)
{
    switch (s->was_open ? TLS_WELL : s->manner->fault) {
    case TLS_HANGS: s->state = HANGS; return;
    case TLS_REFUSES:
        s->state = REFUSED;
        send_message(s, TLS_ALERT, "handshake failure");
        s->ops->end(s->arg, SIM_FIN);
        return;
    case TLS_RESETS:
        s->state = REFUSED;
        s->ops->end(s->arg, SIM_RESET);
        return;
    case TLS_WELL:
    case TLS_EXPIRED:
    case TLS_WRONG_NAME:
    case TLS_UNKNOWN_AUTHORITY:
    case TLS_FAULTS: break;
    }
    answer_hello(s);
}

void tls_server_thaw(struct tls_server *s)
{
    if (s->state == HANGS)
        answer_hello(s);
}

static void take_finished(struct tls_server *s)
{
    const bool was_open = s->was_open;

    s->state = OPEN;
    s->was_open = true;
    if (s->has_two_rounds)
        send_message(s, TLS_HANDSHAKE, TLS_FINISHED);
    else if (sim_chance(&s->random, 0.8))
        send_message(s, TLS_HANDSHAKE, TLS_TICKET);
    if (was_open)
        on_room(s);
}

static void take_message(struct tls_server *s, const struct tls_record *record)
{
    if (tls_record_is(record, TLS_HANDSHAKE, TLS_CLIENT_HELLO) && s->state == AWAITS_HELLO)
        take_hello(s);
    else if (tls_record_is(record, TLS_HANDSHAKE, TLS_FINISHED) && s->state == AWAITS_FINISHED)
        take_finished(s);
    else if (s->state != REFUSED)
        sim_broken("a wrong TLS message", "%.*s", (int)record->payload.len, record->payload.ptr);
}

/* Receiving */

static void take_record(struct tls_server *s, const struct tls_record *record)
{
    switch (record->type) {
    case TLS_HANDSHAKE: take_message(s, record); break;
    case TLS_ALERT: break; /* the end of the connection comes after it */
    case TLS_DATA:
        if (!s->was_open)
            sim_broken("data before the end of the TLS handshake", "%zu bytes",
                       record->payload.len);
        buf_add(&s->plain, record->payload);
        break;
    }
}

static void give_data(struct tls_server *s)
{
    const size_t taken = s->ops->data(s->arg, s->plain.ptr, s->plain.len);

    buf_drop(&s->plain, taken);
}

static size_t on_data(void *arg, const char *bytes, size_t len)
{
    struct tls_server *s = arg;
    struct span rest = {bytes, len};
    size_t n;

    while ((n = tls_record_len(rest)) <= rest.len && s->ops != NULL) {
        const struct tls_record record = tls_record_parse(rest);

        if (n == 0)
            sim_broken("no TLS record", "%zu bytes", rest.len);
        take_record(s, &record);
        rest = span_skip(rest, n);
    }
    if (s->ops == NULL)
        return len;
    if (s->plain.len > 0)
        give_data(s);
    return len - rest.len;
}

static void on_end(void *arg, enum sim_end how)
{
    struct tls_server *s = arg;

    s->has_ended = true;
    if (s->ops != NULL) {
        s->ops->end(s->arg, how);
        return;
    }
    sim_peer_close(&s->peer);
    free_server(s);
}

static void on_room(void *arg)
{
    struct tls_server *s = arg;

    flush(s);
    if (s->out.len > 0)
        return;
    if (s->ops != NULL) {
        s->ops->room(s->arg);
        return;
    }
    sim_peer_close(&s->peer);
    free_server(s);
}

/* The end */

static void add_end(struct tls_server *s, enum tls_end how)
{
    static const char part[] = {TLS_DATA, 3, 3, 1, 0, '{', '"'}; /* of 256 bytes */

    if (how == TLS_END_NOTIFY)
        send_message(s, TLS_ALERT, TLS_CLOSE_NOTIFY);
    else if (how == TLS_END_CUT)
        buf_add(&s->out, (struct span){part, sizeof(part)});
    flush(s);
}

void tls_server_close(struct tls_server **pserver, enum tls_end how)
{
    struct tls_server *s = *pserver;

    if (s == NULL)
        return;
    *pserver = NULL;
    if (how != TLS_END_RESET && s->was_open)
        add_end(s, how);
    if (how != TLS_END_RESET && s->out.len > 0 && !s->has_ended) {
        s->ops = NULL; /* on_room() closes */
        sim_peer_hold(s->peer, false);
        return;
    }
    if (how == TLS_END_RESET)
        sim_peer_reset(&s->peer);
    else
        sim_peer_close(&s->peer);
    free_server(s);
}

void tls_server_route(struct tls_server *s, struct sim_route route)
{
    sim_peer_route(s->peer, route);
}

void tls_server_forget(struct tls_server **pserver, struct sim_route route, sim_event_fn *late,
                       void *arg)
{
    struct tls_server *s = *pserver;

    *pserver = NULL;
    sim_peer_forget(&s->peer, route, late, arg);
    free_server(s);
}
