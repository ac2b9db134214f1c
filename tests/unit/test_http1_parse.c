#include "unit.h"

#include "backend/http/http1_parse.h"
#include "podop/buf.h"

#define OK_ "HTTP/1.1 200 OK\r\n"
#define CHUNKED OK_ "Transfer-Encoding: chunked\r\n\r\n"

/* The result of parsing an answer in pieces, after which the connection ends. */
struct outcome {
    enum http1_event event; /* HTTP1_MORE: it broke off */
    unsigned status;
    bool keeps_alive; /* and no byte came after the answer */
    struct buf body;
    char type[HTTP1_TYPE_BYTES], encoding[HTTP1_ENCODING_BYTES];
};

static enum http1_event feed(struct http1 *p, struct buf *in, struct span piece, struct buf *body)
{
    struct span rest, part = SPAN("");
    enum http1_event event;
    size_t used;

    buf_add(in, piece);
    rest = buf_span(in);
    do {
        event = http1_parse(p, rest, &used, &part);
        assert_true(used <= rest.len);
        rest = span_skip(rest, used);
        if (event == HTTP1_BODY) {
            assert_true(part.len > 0);
            buf_add(body, part);
        }
    } while (event == HTTP1_BODY);
    buf_drop(in, in->len - rest.len);
    return event;
}

static struct outcome parse(struct span wire, size_t piece_bytes)
{
    struct outcome o = {.event = HTTP1_MORE};
    struct http1 p;
    struct buf in;

    http1_start(&p);
    buf_init(&in, SIZE_MAX);
    buf_init(&o.body, SIZE_MAX);
    while (o.event == HTTP1_MORE && wire.len > 0) {
        struct span piece = {wire.ptr, wire.len < piece_bytes ? wire.len : piece_bytes};

        o.event = feed(&p, &in, piece, &o.body);
        wire = span_skip(wire, piece.len);
    }
    if (o.event == HTTP1_MORE && http1_ends_by_close(&p))
        o.event = HTTP1_END;
    else
        o.keeps_alive = o.event == HTTP1_END && http1_keeps_alive(&p) && in.len + wire.len == 0;
    o.status = p.status;
    snprintf(o.type, sizeof(o.type), "%s", p.content_type);
    snprintf(o.encoding, sizeof(o.encoding), "%s", p.content_encoding);
    if (o.event == HTTP1_BAD)
        assert_true(p.fault[0] != '\0');
    buf_deinit(&in);
    return o;
}

static const struct {
    const char *wire;
    unsigned status;
    const char *body;
    bool keeps_alive;
} good[] = {
    {OK_ "Content-Length: 5\r\n\r\nhello", 200, "hello", true},
    {OK_ "content-LENGTH:5\r\n\r\nhello", 200, "hello", true},
    {OK_ "Content-Length: \t 005 \t\r\n\r\nhello", 200, "hello", true},
    {OK_ "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", true},
    {OK_ "Content-Length: 0\r\n\r\n", 200, "", true},
    /* Ignored fields whose names are as long as those of the fields that count. */
    {OK_ "Accept-Charset: 7\r\nSec-Fetch-Dest: 7\r\nIf-Modified-Since: 7\r\nSet-Cookie: close\r\n"
         "Content-Length: 0\r\n\r\n",
     200, "", true},
    {"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {"HTTP/1.1 999 \r\nContent-Length: 1\r\n\r\nx", 999, "x", true},
    {"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 200, "hello", true},
    {"HTTP/1.1 204 No\r\n\r\n", 204, "", true},
    {"HTTP/1.1 204 No\r\nContent-Length: 0\r\n\r\n", 204, "", true},
    {"HTTP/1.1 304 Not\r\n\r\n", 304, "", true},
    /* A body that is announced may still come, and would look like the next answer. */
    {"HTTP/1.1 204 No\r\nContent-Length: 5\r\n\r\n", 204, "", false},
    {"HTTP/1.1 204 No\r\nTransfer-Encoding: chunked\r\n\r\n", 204, "", false},
    {"HTTP/1.1 304 Not\r\nContent-Length: 5\r\n\r\n", 304, "", false},
    {"HTTP/1.1 304 Not\r\nTransfer-Encoding: chunked\r\n\r\n", 304, "", false},
    {OK_ "X-Content-Length: 9\r\nA:\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {OK_ "Connection: close\r\nContent-Length: 1\r\n\r\nx", 200, "x", false},
    {OK_ "Connection: a\t, CLOSE ,b\r\nContent-Length: 1\r\n\r\nx", 200, "x", false},
    {OK_ "Connection: a\r\nconnection: close\r\nContent-Length: 1\r\n\r\nx", 200, "x", false},
    {OK_ "Connection: not-close\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {"HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", 200, "x", false},
    {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
     200, "", false},
    {"HTTP/1.0 404 No\r\n\r\nhello", 404, "hello", false},
    {OK_ "\r\nuntil close", 200, "until close", false},
    {OK_ "\r\n", 200, "", false},
    {CHUNKED "5\r\nhello\r\n0\r\n\r\n", 200, "hello", true},
    {CHUNKED "2\r\nhe\r\n0003;x=\"y\"\r\nllo\r\n00\r\nTrailer: x\r\nContent-Length: 9\r\n\r\n", 200,
     "hello", true},
    {CHUNKED "1 \t;a\r\nx\r\n0 \r\n\r\n", 200, "x", true},
    {CHUNKED "a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", 200, "01234567890123456789a",
     true},
    {OK_ "transfer-encoding:CHUNKED \r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, "x", true},
    {OK_ "Transfer-Encoding: ,chunked,\t,\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, "x", true},
    {OK_ "Transfer-Encoding: chunked, CHUNKED\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, "x", false},
    {OK_ "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200,
     "x", false},
    {OK_ "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, "x",
     false},
    {OK_ "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, "x",
     false},
    {OK_ "A: b\r\n folded\r\n\tagain\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {OK_ "A : b\r\n: c\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {OK_ "Content-Length: 1, 1\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {OK_ "Transfer-Encoding: identity\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {OK_ "Transfer-Encoding: identity, chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n", 200, "x", true},
    {OK_ "Transfer-Encoding:\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {OK_ "Two words: a\r\nContent-Length: 1\r\n\r\nx", 200, "x", true},
    {CHUNKED "1\r\nx\r\n0\r\nA: b\r\n c\r\n\r\n", 200, "x", true},
    {"HTTP/1.1 100 Continue\r\n\r\n" OK_ "Content-Length: 1\r\n\r\nx", 200, "x", true},
    {"HTTP/1.1 103 Hints\r\nContent-Length: 9\r\nConnection: close\r\n\r\n"
     "HTTP/1.1 102 P\r\n\r\n" OK_ "Content-Length: 1\r\n\r\nx",
     200, "x", true},
};

/* Cut into pieces of every size, and cut off at every byte. */
static void test_http1_good(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        const struct span wire = span_of(good[i].wire);

        for (size_t bytes = 1; bytes <= wire.len; bytes++) {
            struct outcome o = parse(wire, bytes);

            if (o.event != HTTP1_END || o.keeps_alive != good[i].keeps_alive)
                fail_msg("%zu in pieces of %zu: %d", i, bytes, (int)o.event);
            assert_int_equal(o.status, good[i].status);
            assert_true(span_equal(buf_span(&o.body), span_of(good[i].body)));
            buf_deinit(&o.body);
        }
    }
}

static void test_http1_cut_off(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        const struct span wire = span_of(good[i].wire);
        const char *head = strstr(
            strstr(good[i].wire, " 200 ") == NULL ? good[i].wire : strstr(good[i].wire, " 200 "),
            "\r\n\r\n");

        for (size_t len = 0; len < wire.len; len++) {
            struct outcome o = parse((struct span){wire.ptr, len}, SIZE_MAX);
            bool is_until_close = head != NULL && len >= (size_t)(head - wire.ptr) + 4 &&
                                  strstr(good[i].wire, "ength") == NULL &&
                                  strstr(good[i].wire, "hunked") == NULL;

            if (o.event != HTTP1_MORE && !is_until_close)
                fail_msg("%zu cut at %zu: %d", i, len, (int)o.event);
            assert_false(o.keeps_alive);
            buf_deinit(&o.body);
        }
    }
}

static void test_http1_bad(void **state)
{
    static const struct span cases[] = {
        TEXT("hello\r\n\r\n"),
        TEXT("\r\nHTTP/1.1 200 OK\r\n\r\n"),
        TEXT("SSH-2.0-x\r\n"),
        TEXT("\0\0\0\0"),
        TEXT("HTTP/2 200\r\n\r\n"),
        TEXT("HTTP/1.2 200 OK\r\n\r\n"),
        TEXT("HTTP/1.1200 OK\r\n\r\n"),
        TEXT("HTTP/1.1  200 OK\r\n\r\n"),
        TEXT("HTTP/1.1\t200 OK\r\n\r\n"),
        TEXT("HTTP/1.1 20 OK\r\n\r\n"),
        TEXT("HTTP/1.1 2000 OK\r\n\r\n"),
        TEXT("HTTP/1.1 099 OK\r\n\r\n"),
        TEXT("HTTP/1.1 abc OK\r\n\r\n"),
        TEXT("HTTP/1.1 -20 OK\r\n\r\n"),
        TEXT("http/1.1 200 OK\r\n\r\n"),
        TEXT("HTTP/1.1 101 Switching\r\n\r\n"),
        TEXT("HTTP/1.1 200 O\0K\r\n\r\n"),
        TEXT("HTTP/1.1 200 O\rK\r\n\r\n"),
        TEXT(OK_ "Content-Length: 5\r\nContent-Length: 6\r\n\r\n"),
        TEXT(OK_ "Content-Length: 5, 6\r\n\r\n"),
        TEXT(OK_ "Content-Length: , 5\r\n\r\n"),
        TEXT(OK_ "Content-Length: \r\n\r\n"),
        TEXT(OK_ "Content-Length: +5\r\n\r\n"),
        TEXT(OK_ "Content-Length: -5\r\n\r\n"),
        TEXT(OK_ "Content-Length: 5 5\r\n\r\n"),
        TEXT(OK_ "Content-Length: 0x5\r\n\r\n"),
        TEXT(OK_ "Content-Length: 9223372036854775808\r\n\r\n"),
        TEXT(OK_ "Content-Length: 99999999999999999999\r\n\r\n"),
        TEXT(OK_ "Transfer-Encoding: gzip, chunked\r\n\r\n"),
        TEXT(OK_ "Transfer-Encoding: chunked, gzip\r\n\r\n"),
        TEXT(OK_ "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n\r\n"),
        TEXT(OK_ "Transfer-Encoding: chunked, identity\r\n\r\n"),
        TEXT(OK_ "Transfer-Encoding: identity, gzip\r\n\r\n"),
        TEXT(OK_ "Transfer-Encoding : chunked\r\n\r\n"),
        TEXT(OK_ "connection\t: close\r\n\r\n"),
        TEXT(OK_ "Transfer-Encoding: \vchunked\r\n\r\n"),
        TEXT(OK_ " A: b\r\n\r\n"),
        TEXT(OK_ "A: b\r\nContent-Length: 5\r\n 5\r\n\r\n"),
        TEXT(OK_ "A: b\r\nTransfer-Encoding: chunked\r\n x\r\n\r\n"),
        TEXT(OK_ "A: b\r\nConnection: close\r\n x\r\n\r\n"),
        TEXT(OK_ "Content-Length : 5\r\n\r\n"),
        TEXT(OK_ "Content-Length\r\n\r\n"),
        TEXT(OK_ "A: b\0c\r\n\r\n"),
        TEXT(OK_ "A: b\rContent-Length: 5\r\n\r\n"),
        TEXT(OK_ "A: b\r\r\n\r\n"),
        TEXT(OK_ "A\0: b\r\n\r\n"),
        TEXT(CHUNKED "\r\n"),
        TEXT(CHUNKED ";x\r\n"),
        TEXT(CHUNKED "g\r\n"),
        TEXT(CHUNKED "0x5\r\n"),
        TEXT(CHUNKED "-1\r\n"),
        TEXT(CHUNKED " 5\r\n"),
        TEXT(CHUNKED "5 5\r\n"),
        TEXT(CHUNKED "8000000000000000\r\n"),
        TEXT(CHUNKED "10000000000000005\r\n"),
        TEXT(CHUNKED "5\nhello\r\n0\r\n\r\n"),
        TEXT(CHUNKED "5;a\rb\r\nhello\r\n"),
        TEXT(CHUNKED "5;a\0b\r\nhello\r\n"),
        TEXT(CHUNKED "5\r\nhello\n0\r\n\r\n"),
        TEXT(CHUNKED "5\r\nhello0\r\n\r\n"),
        TEXT(CHUNKED "5\r\nhello!\r\n0\r\n\r\n"),
        TEXT(CHUNKED "5\r\nhello\r\n\r\n"),
        TEXT(CHUNKED "0\r\nno trailer\r\n\r\n"),
        TEXT(CHUNKED "0\r\n folded\r\n\r\n"),
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t bytes = 1; bytes <= cases[i].len; bytes++) {
            struct outcome o = parse(cases[i], bytes);

            if (o.event != HTTP1_BAD)
                fail_msg("%zu in pieces of %zu: %d", i, bytes, (int)o.event);
            buf_deinit(&o.body);
        }
    }
}

/* Bytes after an answer are not parsed, but reported. */
static void test_http1_surplus(void **state)
{
    static const char *const answers[] = {OK_ "Content-Length: 1\r\n\r\nx",
                                          CHUNKED "1\r\nx\r\n0\r\n\r\n"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
        char wire[200];
        struct outcome o;

        snprintf(wire, sizeof(wire), "%s%s", answers[i], OK_);
        AT_CASE("%s", answers[i]);
        o = parse(span_of(wire), SIZE_MAX);
        assert_int_equal(o.event, HTTP1_END);
        assert_false(o.keeps_alive);
        assert_true(span_equal(buf_span(&o.body), SPAN("x")));
        buf_deinit(&o.body);
    }
}

/* What the head says about the body, for pieces of every size. */
static void test_http1_content(void **state)
{
#define X10 "xxxxxxxxxx"
#define X120 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10
    static const struct {
        const char *fields, *type, *encoding;
    } cases[] = {
        {"", "", ""},
        {"Content-Type: text/html\r\n", "text/html", ""},
        {"CONTENT-TYPE:text/html\r\n", "text/html", ""},
        {"content-type: \t Text/HTML; x=\";\" \t\r\n", "Text/HTML; x=\";\"", ""},
        {"Content-Type:\r\n", "", ""},
        {"Content-Type: a/b\r\n ; charset=utf-8\r\n", "a/b", ""},
        {"Content-Type: a/b;x\r\nContent-Type: c/d;y\r\n", "a/b;x, c/d", ""},
        {"Content-Type: a/b, c/d\r\n", "a/b, c/d", ""},
        {"Content-Type: " X120 "1234567\r\n", X120 "1234567", ""},
        {"Content-Type: " X120 "12345678\r\n", HTTP1_TOO_LONG, ""},
        {"Content-Type: " X120 "1234567;x\r\n", X120 "1234567", ""},
        {"Content-Type: a/b;" X120 "12345\r\n", "a/b", ""},
        {"Content-Type: " X120 "12345\r\nContent-Type: ;x\r\n", X120 "12345, ", ""},
        {"Content-Type: " X120 "123456\r\nContent-Type: \r\n", HTTP1_TOO_LONG, ""},
        {"Content_Type: a/b\r\nContent-Typf: a/b\r\nXontent-Type: a/b\r\n", "", ""},
        {"Content-Encoding: gzip\r\n", "", "gzip"},
        {"content-ENCODING:GZIP\r\n", "", "GZIP"},
        {"Content-Encoding: identity\r\n", "", ""},
        {"Content-Encoding: Identity , ,identity\r\n", "", ""},
        {"Content-Encoding:\r\n", "", ""},
        {"Content-Encoding: identity, gzip,, br\r\nContent-Encoding: zstd\r\n", "",
         "gzip, br, zstd"},
        {"Content-Encoding: " X10 X10 X10 "1\r\n", "", X10 X10 X10 "1"},
        {"Content-Encoding: " X10 X10 X10 "12\r\n", "", HTTP1_TOO_LONG},
        {"Content-Encodings: gzip\r\nContent-Xncoding: gzip\r\nAccept-Encoding: gzip\r\n", "", ""},
        {"Content-Encoding : gzip\r\n", "", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char wire[500];

        snprintf(wire, sizeof(wire),
                 "HTTP/1.1 103 Hints\r\nContent-Type: x/y\r\nContent-Encoding: br\r\n\r\n" OK_
                 "%sContent-Length: 0\r\n\r\n",
                 cases[i].fields);
        for (size_t bytes = 1; bytes <= strlen(wire); bytes++) {
            struct outcome o = parse(span_of(wire), bytes);

            AT_CASE("%s in pieces of %zu", cases[i].fields, bytes);
            assert_int_equal(o.event, HTTP1_END);
            assert_string_equal(o.type, cases[i].type);
            assert_string_equal(o.encoding, cases[i].encoding);
            buf_deinit(&o.body);
        }
    }
}

static void add_many(struct buf *wire, const char *text, size_t bytes)
{
    while (bytes >= strlen(text)) {
        buf_add(wire, span_of(text));
        bytes -= strlen(text);
    }
    while (bytes-- > 0)
        buf_add_char(wire, 'x');
}

static void assert_limit(const char *before, const char *filler, size_t bytes, const char *after,
                         enum http1_event expected)
{
    struct outcome o;
    struct buf wire;

    buf_init(&wire, SIZE_MAX);
    buf_add(&wire, span_of(before));
    add_many(&wire, filler, bytes);
    buf_add(&wire, span_of(after));
    for (size_t piece = 1; piece < 20000; piece += 9999) {
        o = parse(buf_span(&wire), piece);
        if (o.event != expected)
            fail_msg("%s %zu: %d", filler, bytes, (int)o.event);
        buf_deinit(&o.body);
    }
    buf_deinit(&wire);
}

static void test_http1_limits(void **state)
{
    const size_t room = HTTP1_HEAD_BYTES_MAX - strlen(OK_ "A: \r\nContent-Length: 0\r\n\r\n");
    const size_t chunk_room = HTTP1_CHUNK_LINE_BYTES_MAX - strlen("0;\r\n");
    const size_t trailer_room = HTTP1_HEAD_BYTES_MAX - strlen(CHUNKED "A: \r\n\r\n");

    (void)state;
    assert_limit(OK_ "A: ", "x", room, "\r\nContent-Length: 0\r\n\r\n", HTTP1_END);
    assert_limit(OK_ "A: ", "x", room + 1, "\r\nContent-Length: 0\r\n\r\n", HTTP1_BAD);
    assert_limit(OK_, "A: b\r\n", 2 * room, "", HTTP1_BAD);
    assert_limit("", "HTTP/1.1 100 C\r\n\r\n", 2 * room, "", HTTP1_BAD);
    assert_limit(CHUNKED "0;", "x", chunk_room, "\r\n\r\n", HTTP1_END);
    assert_limit(CHUNKED "0;", "x", chunk_room + 1, "\r\n\r\n", HTTP1_BAD);
    assert_limit(CHUNKED "0\r\nA: ", "x", trailer_room, "\r\n\r\n", HTTP1_END);
    assert_limit(CHUNKED "0\r\nA: ", "x", trailer_room + 1, "\r\n\r\n", HTTP1_BAD);
}

/* A line that cannot be a status line is bad before its end. */
static void test_http1_bad_at_once(void **state)
{
    static const char *const starts[] = {"x", "HTTQ", "HTTP/2", "\r", "<html>"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(starts); i++) {
        struct outcome o = parse(span_of(starts[i]), SIZE_MAX);

        AT_CASE("%s", starts[i]);
        assert_int_equal(o.event, HTTP1_BAD);
        buf_deinit(&o.body);
    }
}

/* A CR or a NUL anywhere in a field of any length is an error. Other control characters are not. */
static void test_http1_controls_anywhere(void **state)
{
    (void)state;
    for (size_t len = 1; len <= 20; len++) {
        for (size_t at = 0; at < len; at++) {
            for (unsigned byte = 0; byte < 0x20; byte++) {
                const bool is_bad = byte == '\r' || byte == '\0';
                struct outcome o;
                struct buf wire;

                if (byte == '\n')
                    continue;
                buf_init(&wire, SIZE_MAX);
                buf_add(&wire, SPAN(OK_ "A:"));
                for (size_t i = 0; i < len; i++)
                    buf_add_char(&wire, i == at ? (char)byte : 'x');
                buf_add(&wire, SPAN("\r\nContent-Length: 0\r\n\r\n"));
                o = parse(buf_span(&wire), SIZE_MAX);
                assert_int_equal(o.event, is_bad ? HTTP1_BAD : HTTP1_END);
                buf_deinit(&o.body);
                buf_deinit(&wire);
            }
        }
    }
}

/* The last Location of the final answer, of which a long one is cut. */
static void test_http1_location(void **state)
{
    static const struct {
        const char *head, *location; /* NULL: none */
    } cases[] = {
        {OK_ "Location: https://h/\r\n", "https://h/"},
        {OK_ "LOCATION:\t/x y \r\n", "/x y"},
        {OK_ "Location:\r\n", ""},
        {OK_ "Location: /a\r\nLocation: /b\r\n", "/b"},
        {OK_ "Location: /a\r\n b\r\n", "/a"},
        {OK_ "Location: " X120 X120 "123456789012345\r\n", X120 X120 "123456789012345"},
        {OK_ "Location: " X120 X120 "1234567890123456\r\n", X120 X120 "123456789012345"},
        {OK_ "Locations: /\r\nXocation: /\r\nLocatioX: /\r\n", NULL},
        {OK_, NULL},
        {"HTTP/1.1 103 Early\r\nLocation: /early\r\n\r\n" OK_, NULL},
    };
    struct http1 p;

    (void)state;
    memset(&p, 0xff, sizeof(p));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct buf in, body;

        buf_init(&in, SIZE_MAX);
        buf_init(&body, SIZE_MAX);
        http1_start(&p);
        assert_int_equal(feed(&p, &in, span_of(cases[i].head), &body), HTTP1_MORE);
        assert_int_equal(feed(&p, &in, SPAN("Content-Length: 0\r\n\r\n"), &body), HTTP1_END);
        assert_int_equal(p.has_location, cases[i].location != NULL);
        if (p.has_location)
            assert_string_equal(p.location, cases[i].location);
        buf_deinit(&in);
        buf_deinit(&body);
    }
}

static void test_http1_of_a_server_of_tls(void **state)
{
    struct buf in, body;
    struct http1 p;

    (void)state;
    buf_init(&in, SIZE_MAX);
    buf_init(&body, SIZE_MAX);
    http1_start(&p);
    assert_int_equal(feed(&p, &in, SPAN("\x15\x03\x01\0\x02\x02\x46"), &body), HTTP1_BAD);
    assert_string_equal(p.fault, "the server speaks TLS on this port: is https:// meant?");
    buf_deinit(&in);
    buf_deinit(&body);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http1_good),        cmocka_unit_test(test_http1_cut_off),
        cmocka_unit_test(test_http1_bad),         cmocka_unit_test(test_http1_surplus),
        cmocka_unit_test(test_http1_content),     cmocka_unit_test(test_http1_limits),
        cmocka_unit_test(test_http1_bad_at_once), cmocka_unit_test(test_http1_controls_anywhere),
        cmocka_unit_test(test_http1_location),    cmocka_unit_test(test_http1_of_a_server_of_tls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
