/* Streams: bodies that are read part by part. */
#include "held_clock.h"
#include "http_fixture.h"

/* A reader that counts the parts. */
struct stream_reader {
    struct http_caller caller; /* the first member: done is on_answer() */
    unsigned parts;
    size_t bytes;
};

static size_t on_part(void *arg, struct span bytes, bool *is_blocked)
{
    struct stream_reader *reader = arg;

    (void)is_blocked;
    reader->parts++;
    reader->bytes += bytes.len;
    return bytes.len;
}

/* Chunks that arrive together are one part, because a reader parses its unused bytes again for each
 * part. */
static void test_stream_of_small_chunks(void **state)
{
    struct http_fixture *f = *state;
    enum { CHUNKS = 2000 };
    struct stream_reader reader = {.parts = 0};
    struct buf answer;

    buf_init(&answer, SIZE_MAX);
    buf_add(&answer, SPAN("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"));
    for (size_t i = 0; i < CHUNKS; i++)
        buf_add(&answer, SPAN("1\r\nx\r\n"));
    buf_add(&answer, SPAN("0\r\n\r\n"));
    f->backend.script = &(const struct backend_script){"/list", buf_span(&answer), false};
    f->backend.script_count = 1;
    http_caller_start_request(
        &reader.caller, f->site,
        &(struct http_request){.is_repeatable = true,
                               .target = "/list",
                               .data = on_part,
                               .patience_ms = HTTP_LONG_MS,
                               .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
    HTTP_WAIT(f, reader.caller.answers > 0);
    http_caller_assert_outcome(&reader.caller, HTTP_ANSWERED);
    assert_int_equal(reader.bytes, CHUNKS);
    assert_in_range(reader.parts, 1, 3);
    buf_deinit(&answer);
}

/* max_response limits the bytes that the reader cannot use yet, not the whole stream. */
static size_t on_part_unused(void *arg, struct span bytes, bool *is_blocked)
{
    (void)arg;
    (void)bytes;
    (void)is_blocked;
    return 0;
}

static void test_stream_too_large(void **state)
{
    struct http_fixture *f = *state;
    static const bool are_closed[] = {false, true};
    struct buf answer;

    for (size_t i = 0; i < ARRAY_LEN(are_closed); i++) {
        for (size_t over = 0; over < 2; over++) {
            struct http_caller c = {0};

            AT_CASE("closed %d, over %zu", are_closed[i], over);
            buf_init(&answer, SIZE_MAX);
            buf_add(&answer, SPAN("HTTP/1.1 200 OK\r\n"));
            if (!are_closed[i]) {
                buf_add(&answer, SPAN("Content-Length: "));
                buf_add_uint(&answer, HTTP_RESPONSE_MAX + over);
                buf_add(&answer, SPAN("\r\n"));
            }
            buf_add(&answer, SPAN("\r\n"));
            for (size_t n = 0; n < HTTP_RESPONSE_MAX + over; n++)
                buf_add_char(&answer, 'x');
            f->backend.script =
                &(const struct backend_script){"/list", buf_span(&answer), are_closed[i]};
            f->backend.script_count = 1;
            http_caller_start_request(
                &c, f->site,
                &(struct http_request){.is_repeatable = true,
                                       .target = "/list",
                                       .data = on_part_unused,
                                       .patience_ms = HTTP_LONG_MS,
                                       .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS});
            HTTP_WAIT(f, c.answers > 0);
            http_caller_assert_outcome(&c, over > 0 ? HTTP_TOO_LARGE : HTTP_ANSWERED);
            buf_deinit(&c.body);
            buf_deinit(&answer);
        }
    }
}

/* http_go_on() for a stream that is not blocked does not give the server more time. */
static void test_stream_goes_on_unasked(void **state)
{
    struct http_fixture *f = *state;
    struct stream_reader reader = {.parts = 0};

    http_caller_start_request(
        &reader.caller, f->site,
        &(struct http_request){.is_repeatable = true,
                               .target = "/hold",
                               .data = on_part,
                               .patience_ms = HTTP_LONG_MS,
                               .deadline_at_ms = service_now_ms(f->loop) + 50});
    http_go_on(reader.caller.call);
    HELD_CLOCK_PASS_UNTIL(f->loop, reader.caller.answers > 0);
    http_caller_assert_outcome(&reader.caller, HTTP_TIMED_OUT);
    assert_int_equal(reader.parts, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_stream_of_small_chunks),
        HTTP_TEST(test_stream_too_large),
        HTTP_TEST(test_stream_goes_on_unasked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
