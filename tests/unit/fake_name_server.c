#include "unit.h"

#include "fake_name_server.h"

#include "podop/buf.h"

#include <arpa/inet.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    HEADER_BYTES = 12,
    FLAGS_ANSWER = 0x8180, /* recursion was desired, and is available */
    RCODE_NO_NAME = 3,
};

/* Writes the name of the question. Returns the type of the records that are asked for. */
static unsigned read_question(const struct fake_query *q, char name[DNS_NAME_BYTES])
{
    size_t at = HEADER_BYTES, len = 0;

    while (q->packet[at] != 0) {
        const size_t label = q->packet[at];

        assert_true(at + label + 5 < q->len);
        if (len > 0)
            name[len++] = '.';
        memcpy(name + len, q->packet + at + 1, label);
        len += label;
        at += label + 1;
    }
    name[len] = '\0';
    return (unsigned)(q->packet[at + 1] << 8 | q->packet[at + 2]);
}

static void add_number(struct buf *out, unsigned long number, unsigned bytes)
{
    while (bytes-- > 0)
        buf_add_char(out, (char)(number >> 8 * bytes & 0xff));
}

static void add_record(struct buf *out, const struct fake_record *record)
{
    add_number(out, 0xc00c, 2); /* the name of the question */
    add_number(out, record->type, 2);
    add_number(out, 1, 2);
    add_number(out, record->ttl_s, 4);
    add_number(out, record->data.len, 2);
    buf_add(out, record->data);
}

/* Adds the records of the question. Returns the flags of the answer. */
static unsigned add_records(const struct fake_name_server *s, const struct fake_query *q,
                            struct buf *out, unsigned *count)
{
    char name[DNS_NAME_BYTES];
    const unsigned type = read_question(q, name);
    bool exists = false;

    for (size_t i = 0; i < s->record_count; i++) {
        const struct fake_record *record = &s->records[i];

        if (strcasecmp(record->name, name) != 0)
            continue;
        exists = true;
        if ((unsigned)record->type == type) {
            add_record(out, record);
            ++*count;
        }
    }
    return exists ? FLAGS_ANSWER : FLAGS_ANSWER | RCODE_NO_NAME;
}

static void answer(const struct fake_name_server *s, const struct fake_query *q)
{
    struct buf out;
    unsigned count = 0, flags;

    buf_init(&out, SIZE_MAX);
    buf_add(&out, (struct span){(const char *)q->packet, q->len});
    flags = s->flags != 0 ? s->flags : add_records(s, q, &out, &count);
    out.ptr[2] = (char)(flags >> 8);
    out.ptr[3] = (char)(flags & 0xff);
    out.ptr[7] = (char)count;
    sendto(s->fd, out.ptr, s->answer_len == 0 ? out.len : s->answer_len, 0,
           (const struct sockaddr *)&q->peer, q->peer_len);
    buf_deinit(&out);
}

static bool is_held(const struct fake_name_server *s, const struct fake_query *q)
{
    return s->is_silent && (s->loud == '\0' || q->packet[HEADER_BYTES + 1] != s->loud);
}

static void on_query(struct ev_loop *loop, ev_io *w, int revents)
{
    struct fake_name_server *s = w->data;
    struct fake_query q;
    ssize_t len;

    (void)loop;
    (void)revents;
    q.peer_len = sizeof(q.peer);
    len = recvfrom(s->fd, q.packet, sizeof(q.packet), 0, (struct sockaddr *)&q.peer, &q.peer_len);
    assert_true(len > HEADER_BYTES);
    q.len = (size_t)len;
    s->queries++;
    if (!is_held(s, &q))
        answer(s, &q);
    else if (s->held_count < FAKE_QUERIES_MAX)
        s->held[s->held_count++] = q;
}

void fake_name_server_open_at(struct fake_name_server *s, struct ev_loop *loop, int fd)
{
    memset(s, 0, sizeof(*s));
    s->loop = loop;
    s->fd = fd;
    ev_io_init(&s->io, on_query, fd, EV_READ);
    s->io.data = s;
    ev_io_start(loop, &s->io);
}

void fake_name_server_open(struct fake_name_server *s, struct ev_loop *loop)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t len = sizeof(at);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, len), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &len), 0);
    fake_name_server_open_at(s, loop, fd);
    snprintf(s->text, sizeof(s->text), "127.0.0.1:%u", ntohs(at.sin_port));
}

void fake_name_server_close(struct fake_name_server *s)
{
    if (s->fd == -1)
        return;
    ev_io_stop(s->loop, &s->io);
    close(s->fd);
    s->fd = -1;
}

/* Runs the loop between the answers, because a socket's buffer is too small for all of them. */
void fake_name_server_release(struct fake_name_server *s)
{
    for (size_t i = 0; i < s->held_count; i++) {
        answer(s, &s->held[i]);
        ev_run(s->loop, EVRUN_NOWAIT);
    }
    s->held_count = 0;
}
