#include "unit.h"

#include "backend/process/line_buffer.h"

enum { LINE_MAX_BYTES = 8, READ_MAX = 16 };

static void assert_lines(struct line_buffer *lines, const char *expected)
{
    struct span line;
    struct buf found;

    buf_init(&found, SIZE_MAX);
    while (line_buffer_next(lines, &line) == PARSE_DONE) {
        buf_add(&found, line);
        buf_add_char(&found, '|');
    }
    line_buffer_drop_taken(lines);
    assert_string_equal(buf_string(&found), expected);
    buf_deinit(&found);
}

static void test_lines_in_pieces(void **state)
{
    const struct span wire = SPAN("a\n\nbcd\n12345678\n");

    (void)state;
    for (size_t cut = 0; cut <= wire.len; cut++) {
        struct line_buffer lines;
        struct buf found;
        struct span line;

        line_buffer_init(&lines, LINE_MAX_BYTES, READ_MAX);
        buf_init(&found, SIZE_MAX);
        for (int part = 0; part < 2; part++) {
            buf_add(&lines.bytes, part == 0 ? (struct span){wire.ptr, cut} : span_skip(wire, cut));
            while (line_buffer_next(&lines, &line) == PARSE_DONE) {
                buf_add(&found, line);
                buf_add_char(&found, '|');
            }
            line_buffer_drop_taken(&lines);
        }
        if (strcmp(buf_string(&found), "a||bcd|12345678|") != 0)
            fail_msg("cut at %zu: %s", cut, buf_string(&found));
        assert_int_equal(lines.bytes.len, 0);
        buf_deinit(&found);
        line_buffer_deinit(&lines);
    }
}

static void test_rest_stays(void **state)
{
    struct line_buffer lines;
    struct span line;

    (void)state;
    line_buffer_init(&lines, LINE_MAX_BYTES, READ_MAX);
    buf_add(&lines.bytes, SPAN("one\ntw"));
    assert_lines(&lines, "one|");
    assert_int_equal(line_buffer_next(&lines, &line), PARSE_MORE);
    buf_add(&lines.bytes, SPAN("o\n"));
    assert_lines(&lines, "two|");
    line_buffer_deinit(&lines);
}

static void test_long_line(void **state)
{
    static const struct {
        struct span bytes;
        enum parse result;
    } cases[] = {
        {TEXT("12345678"), PARSE_MORE},
        {TEXT("12345678\n"), PARSE_DONE},
        {TEXT("123456789"), PARSE_BAD},
        {TEXT("123456789\n"), PARSE_BAD},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct line_buffer lines;
        struct span line;
        enum parse result;

        line_buffer_init(&lines, LINE_MAX_BYTES, READ_MAX);
        buf_add(&lines.bytes, cases[i].bytes);
        result = line_buffer_next(&lines, &line);
        if (result != cases[i].result)
            fail_msg("case %zu: %d", i, (int)result);
        line_buffer_deinit(&lines);
    }
}

/* The memory of a long line is freed with the line. */
static void test_memory_is_freed(void **state)
{
    enum { LONG = 100 * 1024 };
    struct line_buffer lines;
    struct span line;

    (void)state;
    line_buffer_init(&lines, LONG, READ_MAX);
    for (int i = 0; i < LONG; i++)
        buf_add_char(&lines.bytes, 'x');
    buf_add_char(&lines.bytes, '\n');
    assert_int_equal(line_buffer_next(&lines, &line), PARSE_DONE);
    assert_int_equal(line.len, LONG);
    line_buffer_drop_taken(&lines);
    assert_int_equal(lines.bytes.cap, 0);
    buf_add(&lines.bytes, SPAN("x\n"));
    assert_lines(&lines, "x|");
    line_buffer_deinit(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines_in_pieces),
        cmocka_unit_test(test_rest_stays),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_memory_is_freed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
