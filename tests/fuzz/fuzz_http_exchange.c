/* One call of the HTTP client, over a real socket. The first byte seeds the random choices, the
 * second one says which kind of call it is, and the rest is what the server sends: once in one
 * piece, and once cut anywhere. After it, a lookup whose answer is known shows that no byte of the
 * answer before it is left. */
#include "fuzz.h"

#include "answering_server.h"

#include "backend/http/http1_parse.h"
#include "podop/buf.h"
#include "podop/deadline.h"
#include "podop/http.h"

#include <ev.h>

enum {
    RESPONSE_MAX = 1000,
    LARGE_BODY_BYTES = 512 * 1024, /* more than the buffers of a socket hold */
    HEAD_BYTES = 4096,             /* no less than the head of a request */
    INPUT_MAX = 32 * 1024,         /* less than what is read of an unwanted body */
    TURNS_MAX = 1000,
};

/* Bits of the second byte. */
enum {
    IS_WRITE = 1,
    IS_STREAM = 2,
    IS_LARGE = 4,
    IS_REUSED = 8,
    IS_CLOSED = 16,
    IS_EXCERPT = 32,
    IS_LATE = 64, /* what follows the answer comes right before the next request */
};

struct call {
    struct http_call *call;
    bool has_ended, is_blocked, was_resent;
    enum http_outcome outcome;
    unsigned status;
    struct buf body;
};

struct world {
    struct ev_loop *loop;
    struct http *http;
    struct http_site *site;
    struct answering_server server;
    unsigned kind, chance;
};

static size_t choose(struct world *w, size_t below)
{
    w->chance = w->chance * 1103515245 + 12345;
    return (w->chance >> 16) % below;
}

/* Takes some of what has come, and sometimes wants no more before the next turn. What it leaves is
 * never too large, however the answer is cut. */
static size_t on_data(void *arg, struct span bytes, bool *is_blocked)
{
    struct call *call = arg;
    const size_t left = bytes.len / 3 < RESPONSE_MAX ? bytes.len / 3 : RESPONSE_MAX;
    const struct span taken = {bytes.ptr, bytes.len - left};

    buf_add(&call->body, taken);
    call->is_blocked = *is_blocked = (bytes.len & 1) != 0;
    return taken.len;
}

static void on_done(void *arg, const struct http_answer *answer)
{
    struct call *call = arg;

    PROMISE(!call->has_ended && call->call != NULL);
    call->call = NULL;
    call->has_ended = true;
    call->outcome = answer->outcome;
    call->status = answer->status;
    call->was_resent = answer->was_resent;
    if (answer->outcome == HTTP_ANSWERED)
        buf_add(&call->body, answer->body);
    else
        PROMISE(answer->outcome != HTTP_FAILED || answer->reason[0] != '\0');
}

static void call_start(struct world *w, struct call *call, unsigned kind)
{
    static char large[LARGE_BODY_BYTES];
    const struct http_request request = {
        .method = (kind & IS_WRITE) != 0 ? "POST" : NULL,
        .target = "/x",
        .is_repeatable = (kind & IS_WRITE) == 0,
        .reads_answer = (kind & IS_WRITE) != 0,
        .body = {large, (kind & IS_WRITE) == 0   ? 0
                        : (kind & IS_LARGE) != 0 ? sizeof(large)
                                                 : 1},
        .data = (kind & (IS_STREAM | IS_WRITE)) == IS_STREAM ? on_data : NULL,
        .patience_ms = 1000000,
        .excerpt_max = (kind & (IS_EXCERPT | IS_STREAM)) == IS_EXCERPT ? 100 : 0,
        .deadline_at_ms = service_now_ms(w->loop) + 1000000,
    };

    *call = (struct call){.call = NULL};
    buf_init(&call->body, SIZE_MAX);
    call->call = http_start(w->site, &request, on_done, call);
}

static void turn(struct world *w, struct call *call)
{
    if (call->is_blocked && !call->has_ended) {
        call->is_blocked = false;
        http_go_on(call->call);
    }
    ev_run(w->loop, EVRUN_NOWAIT);
}

/* Waits for the request of the call. Returns its connection, or -1 when the call has ended. */
static int wait_asked(struct world *w, struct call *call)
{
    const bool is_slow = (w->kind & IS_LARGE) != 0 && (w->kind & IS_WRITE) != 0;

    for (int i = 0; w->server.asked == -1 && !call->has_ended; i++) {
        PROMISE(i < TURNS_MAX);
        turn(w, call);
        server_look(&w->server, is_slow ? HEAD_BYTES : SIZE_MAX);
    }
    return server_take(&w->server);
}

/* Waits until the call has ended; a part of a stream may wait for many turns. */
static void wait_ended(struct world *w, struct call *call)
{
    for (int i = 0; !call->has_ended && w->server.asked == -1; i++) {
        PROMISE(i < TURNS_MAX);
        turn(w, call);
        server_look(&w->server, SIZE_MAX);
    }
}

/* Answers the request on a connection with wire, in one piece or in several. */
static void answer(struct world *w, struct call *call, int connection, struct span wire,
                   bool is_cut)
{
    while (wire.len > 0) {
        const struct span piece = {wire.ptr, is_cut ? 1 + choose(w, wire.len) : wire.len};

        server_say(connection, piece);
        turn(w, call);
        wire = span_skip(wire, piece.len);
    }
    turn(w, call); /* a stream that was blocked */
    turn(w, call);
    if ((w->kind & IS_CLOSED) != 0)
        server_close(&w->server, connection);
    for (int i = 0; i < 3; i++) {
        server_look(&w->server, SIZE_MAX);
        turn(w, call);
    }
}

/* A lookup whose answer is known. Returns whether it had a connection of its own. */
static bool look_up(struct world *w)
{
    const unsigned before = w->server.accepted, kind = w->kind;
    struct call call;

    w->kind = 0;
    call_start(w, &call, 0);
    answer(w, &call, wait_asked(w, &call),
           SPAN("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nright"), false);
    w->kind = kind;
    PROMISE(call.has_ended && call.outcome == HTTP_ANSWERED && call.status == 200);
    PROMISE(span_equal(buf_span(&call.body), SPAN("right")));
    buf_deinit(&call.body);
    return w->server.accepted > before;
}

/* Lets the call be answered, or not: then the server closes at last. */
static void ask(struct world *w, struct call *call, struct span wire, bool is_cut)
{
    if ((w->kind & IS_REUSED) != 0)
        look_up(w);
    call_start(w, call, w->kind);
    for (int tries = 0; !call->has_ended; tries++) {
        const int connection = wait_asked(w, call);

        PROMISE(tries < 2); /* only once on an idle connection */
        answer(w, call, connection, wire, is_cut);
        if (!call->has_ended && w->server.asked == -1)
            server_close(&w->server, connection);
        wait_ended(w, call);
    }
}

/* What the bytes are by the parser alone. */
struct expected {
    enum http1_event event;
    bool is_whole; /* maybe only by the end of the connection */
    size_t late;   /* bytes that follow it */
    bool keeps_alive;
};

static struct expected expect(struct span wire)
{
    struct expected e = {.event = HTTP1_BODY};
    struct http1 parsed;
    struct span unused;
    size_t used;

    http1_start(&parsed);
    while (e.event == HTTP1_BODY) {
        e.event = http1_parse(&parsed, wire, &used, &unused);
        wire = span_skip(wire, used);
    }
    e.late = e.event == HTTP1_END ? wire.len : 0;
    e.is_whole = e.event == HTTP1_END || (e.event == HTTP1_MORE && http1_ends_by_close(&parsed));
    e.keeps_alive = e.event == HTTP1_END && http1_keeps_alive(&parsed);
    return e;
}

/* Answers once, checks what became of the call and of its connection, and leaves no connection. */
static void run(struct world *w, struct call *call, struct span wire, bool is_cut)
{
    const struct expected expected = expect(wire);
    const bool is_kept =
        expected.keeps_alive && expected.late == 0 && (w->kind & (IS_CLOSED | IS_WRITE)) == 0;
    const size_t held = (w->kind & IS_LATE) != 0 ? expected.late : 0;
    /* A write leaves the connection of a lookup before it alone. */
    const bool has_other = (w->kind & (IS_WRITE | IS_REUSED)) == (IS_WRITE | IS_REUSED);
    bool is_fresh;

    ask(w, call, (struct span){wire.ptr, wire.len - held}, is_cut);
    if (w->server.count > 0) /* without a turn of the loop */
        server_say(w->server.connections[w->server.count - 1], span_skip(wire, wire.len - held));
    PROMISE(expected.is_whole || call->outcome != HTTP_ANSWERED);
    PROMISE(call->outcome != HTTP_TIMED_OUT && call->outcome != HTTP_UNREAD);
    is_fresh = look_up(w);
    PROMISE(is_kept || is_fresh || has_other || call->was_resent);
    PROMISE(!is_kept || !is_fresh || call->outcome != HTTP_ANSWERED || call->was_resent);
    server_close_all(&w->server);
    for (int i = 0; i < 3; i++)
        ev_run(w->loop, EVRUN_NOWAIT);
}

static void open_world(struct world *w)
{
    static const struct pool_config pool = {8, 1000, 1000000};
    struct http_site_config config = {
        .base = "http://localhost", .connect_timeout_ms = 1000000, .max_response = RESPONSE_MAX};
    struct error err = {0};

    w->loop = ev_default_loop(EVFLAG_AUTO);
    server_open(&w->server);
    w->http = http_new(w->loop, &pool, &err);
    PROMISE(w->http != NULL);
    config.unix_socket = w->server.path;
    w->site = http_site_open(w->http, &config, &err);
    PROMISE(w->site != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w; /* a new loop for each input would be slow */
    struct call whole, cut;
    struct span wire;

    if (size < 2 || size > INPUT_MAX)
        return 0;
    if (w.loop == NULL)
        open_world(&w);
    w.chance = data[0];
    w.kind = data[1];
    wire = (struct span){(const char *)data + 2, size - 2};
    run(&w, &whole, wire, false);
    run(&w, &cut, wire, true);
    PROMISE(whole.outcome == cut.outcome);
    PROMISE(whole.outcome != HTTP_ANSWERED || whole.status == cut.status);
    PROMISE(whole.outcome != HTTP_ANSWERED ||
            span_equal(buf_span(&whole.body), buf_span(&cut.body)));
    buf_deinit(&whole.body);
    buf_deinit(&cut.body);
    return 0;
}
