#include "unit.h"

#include "podop/buf.h"
#include "podop/json_value.h"
#include "podop/log.h"

#include <fcntl.h>
#include <unistd.h>

enum { LINE_BYTES_MAX = 4096 }; /* PIPE_BUF, so that a pipe takes a line whole or not at all */

static void assert_line(enum log_format format, enum log_level level, const char *event,
                        const struct log_field *fields, size_t count, const char *expected)
{
    struct buf out;

    buf_init(&out, SIZE_MAX);
    log_format_line(&out, format, level, event, fields, count);
    assert_string_equal(buf_string(&out), expected);
    buf_deinit(&out);
}

static void test_log_lines(void **state)
{
    const struct log_field fields[] = {
        LOG_STR("table", "virtual"),
        LOG_STR("empty", ""),
        LOG_STR("blank", "a b"),
        LOG_STR("equals", "a=b"),
        LOG_STR("quote", "say \"x\\"),
        LOG_STR("lines", "a\nb\r\t"),
        LOG_STR("utf8", "j\xc3\xb6rg"),
        LOG_UINT("ms", UINT64_MAX),
        LOG_UINT("zero", 0),
        LOG_STR("csi", "\x1b[31m\x7f\xc2\x9b"),
        LOG_STR("no", "\xc3\xff"),
    };

    (void)state;
    assert_line(
        LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "start", fields, ARRAY_LEN(fields),
        "level=info event=start table=virtual empty=\"\" blank=\"a b\" equals=\"a=b\" "
        "quote=\"say \\\"x\\\\\" lines=\"a\\x0ab\\x0d\\x09\" utf8=\"j\xc3\xb6rg\" "
        "ms=18446744073709551615 zero=0 csi=\"\\x1b[31m\\x7f\\xc2\\x9b\" no=\"\\xc3\\xff\"");
    assert_line(LOG_FORMAT_JSON, LOG_LEVEL_ERROR, "start", fields, ARRAY_LEN(fields),
                "\"level\":\"error\",\"event\":\"start\",\"table\":\"virtual\",\"empty\":\"\","
                "\"blank\":\"a b\",\"equals\":\"a=b\",\"quote\":\"say \\\"x\\\\\","
                "\"lines\":\"a\\u000ab\\u000d\\u0009\",\"utf8\":\"j\xc3\xb6rg\","
                "\"ms\":18446744073709551615,\"zero\":0,"
                "\"csi\":\"\\u001b[31m\\u007f\\u009b\",\"no\":\"\\ufffd\\ufffd\"");
    assert_line(LOG_FORMAT_TEXT, LOG_LEVEL_WARNING, "x", fields, 0, "level=warning event=x");
    assert_line(LOG_FORMAT_JSON, LOG_LEVEL_DEBUG, "x", fields, 0,
                "\"level\":\"debug\",\"event\":\"x\"");
}

static bool is_control(struct span line)
{
    for (size_t i = 0; i < line.len; i++) {
        const unsigned char c = (unsigned char)line.ptr[i];
        bool is_c1 = c == 0xc2 && i + 1 < line.len && (unsigned char)line.ptr[i + 1] < 0xa0;

        if (c < 0x20 || c == 0x7f || is_c1)
            return true;
    }
    return false;
}

/* As a reader of key=value lines sees it: one field, which ends where the line does. */
static bool is_one_text_field(struct span text)
{
    if (text.len == 0 || *text.ptr != '"')
        return !span_has_byte(text, ' ') && !span_has_byte(text, '"') && !span_has_byte(text, '=');
    for (size_t i = 1; i < text.len; i++) {
        if (text.ptr[i] == '"')
            return i + 1 == text.len;
        i += text.ptr[i] == '\\';
    }
    return false;
}

static void assert_not_forged(struct span value)
{
    static const struct span before = {"level=info event=x key=", 23};
    const struct log_field field = LOG_SPAN("key", value);
    struct error err = {0};
    struct buf out;

    buf_init(&out, SIZE_MAX);
    log_format_line(&out, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "x", &field, 1);
    assert_true(span_starts_with(buf_span(&out), before));
    assert_true(is_one_text_field(span_skip(buf_span(&out), before.len)));
    assert_true(span_is_utf8(buf_span(&out)));
    assert_false(is_control(buf_span(&out)));
    buf_clear(&out);

    buf_add_char(&out, '{');
    log_format_line(&out, LOG_FORMAT_JSON, LOG_LEVEL_INFO, "x", &field, 1);
    buf_add_char(&out, '}');
    if (json_check(buf_span(&out), &err) == -1)
        fail_msg("%s in %s", err.text, buf_string(&out));
    assert_false(is_control(buf_span(&out)));
    buf_deinit(&out);
}

static void test_log_no_value_forges_a_line(void **state)
{
    char bytes[2];

    (void)state;
    for (unsigned first = 0; first < 256; first++) {
        bytes[0] = (char)first;
        assert_not_forged((struct span){bytes, 1});
        for (unsigned second = 0; second < 256; second++) {
            bytes[1] = (char)second;
            assert_not_forged((struct span){bytes, 2});
        }
    }
    assert_not_forged(SPAN("a\nlevel=error event=forged"));
    assert_not_forged(SPAN("a\",\"level\":\"error"));
    assert_not_forged(SPAN("\xf0\x9f\x93\xa7 \xe2\x82\xac"));
    assert_not_forged(SPAN("\xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80"));
}

/* A long value is cut, says so, and stays one field, wherever the cut falls. */
static void test_log_long_values_are_cut(void **state)
{
    static const struct span fillers[] = {
        {"a", 1},  {"\xc3\xb6", 2}, {"\xe2\x82\xac", 3}, {"\xf0\x9f\x93\xa7", 4},
        {"\"", 1}, {"\n", 1},       {"\xff", 1},         {"\xc2\x9b", 2},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(fillers); i++) {
        for (size_t shift = 0; shift < 4; shift++) {
            struct log_field field;
            struct buf value, out;

            buf_init(&value, SIZE_MAX);
            buf_init(&out, SIZE_MAX);
            for (size_t n = 0; n < shift; n++)
                buf_add_char(&value, 'a');
            while (value.len < 1000)
                buf_add(&value, fillers[i]);
            field = LOG_SPAN("key", buf_span(&value));
            assert_not_forged(field.text);
            log_format_line(&out, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "x", &field, 1);
            assert_non_null(strstr(buf_string(&out), "...\""));
            assert_true(out.len < LINE_BYTES_MAX);
            buf_deinit(&value);
            buf_deinit(&out);
        }
    }
}

/* A field has its place on the line as a whole, or none. */
static void test_log_full_line_ends_behind_a_field(void **state)
{
    static const char whole[] = "level=info event=x a=1 b=\"two words\" c=3";
    const struct log_field fields[] = {LOG_UINT("a", 1), LOG_STR("b", "two words"),
                                       LOG_UINT("c", 3)};

    (void)state;
    for (size_t max = strlen("level=info event=x"); max <= strlen(whole); max++) {
        size_t len = max >= strlen(whole) ? strlen(whole) : max >= 36 ? 36 : max >= 22 ? 22 : 18;
        struct buf out;

        buf_init(&out, max);
        log_format_line(&out, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "x", fields, ARRAY_LEN(fields));
        assert_false(out.is_over);
        assert_true(span_equal(buf_span(&out), (struct span){whole, len}));
        buf_deinit(&out);
    }
}

/* While it lasts, stderr is a pipe that nobody reads unless asked to. */
struct capture {
    int saved, reader;
};

static void capture_start(struct capture *c)
{
    int ends[2];

    fflush(stderr);
    c->saved = dup(STDERR_FILENO);
    if (c->saved == -1 || pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
        abort();
    c->reader = ends[0];
    dup2(ends[1], STDERR_FILENO);
    close(ends[1]);
}

static size_t capture_read(const struct capture *c, char *to, size_t room)
{
    size_t len = 0;
    ssize_t n;

    while (len < room - 1 && (n = read(c->reader, to + len, room - 1 - len)) > 0)
        len += (size_t)n;
    to[len] = '\0';
    return len;
}

static void capture_stop(struct capture *c)
{
    dup2(c->saved, STDERR_FILENO);
    close(c->saved);
    close(c->reader);
}

static unsigned evaluated;

static uint64_t evaluate(void)
{
    return ++evaluated;
}

static void test_log_levels(void **state)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};

    (void)state;
    for (unsigned level = LOG_LEVEL_ERROR; level <= LOG_LEVEL_DEBUG; level++) {
        struct log log = {.level = (enum log_level)level};
        char got[500], expected[500] = "";
        struct capture capture;

        evaluated = 0;
        capture_start(&capture);
        log_error(&log, "e", LOG_UINT("n", evaluate()));
        log_warning(&log, "e", LOG_UINT("n", evaluate()));
        log_info(&log, "e", LOG_UINT("n", evaluate()));
        log_debug(&log, "e", LOG_UINT("n", evaluate()));
        capture_read(&capture, got, sizeof(got));
        capture_stop(&capture);
        for (unsigned i = 0; i <= level; i++) {
            size_t len = strlen(expected);

            snprintf(expected + len, sizeof(expected) - len, "level=%s event=e n=%u\n", names[i],
                     i + 1);
        }
        assert_string_equal(got, expected);
        assert_int_equal(evaluated, level + 1); /* what is not written costs nothing */
    }
}

static void test_log_json_lines_are_json(void **state)
{
    struct log log = {.level = LOG_LEVEL_INFO, .format = LOG_FORMAT_JSON, .has_time = true};
    struct error err = {0};
    struct capture capture;
    char got[500];
    size_t len;

    (void)state;
    capture_start(&capture);
    log_info(&log, "listen", LOG_STR("socket", "/run/\"x\""), LOG_UINT("n", 1));
    len = capture_read(&capture, got, sizeof(got));
    capture_stop(&capture);
    assert_int_equal(got[len - 1], '\n');
    assert_int_equal(json_check((struct span){got, len - 1}, &err), 0);
    assert_true(span_starts_with(span_of(got), SPAN("{\"time\":\"2")));
    assert_non_null(strstr(got, "Z\",\"level\":\"info\",\"event\":\"listen\","
                                "\"socket\":\"/run/\\\"x\\\"\",\"n\":1}\n"));
}

/* The longest line that fields can make is still one that a pipe takes whole. */
static void test_log_line_is_bounded(void **state)
{
    char lines[300], pad[600], got[2 * LINE_BYTES_MAX];
    size_t longest = 0;

    (void)state;
    memset(lines, '\n', sizeof(lines)); /* each is four or six bytes on the line */
    memset(pad, 'a', sizeof(pad));
    for (unsigned format = LOG_FORMAT_TEXT; format <= LOG_FORMAT_JSON; format++) {
        const struct log_field field = LOG_SPAN("key", ((struct span){lines, sizeof(lines)}));
        size_t count = format == LOG_FORMAT_JSON ? 2 : 3;

        for (size_t len = 1; len < sizeof(pad); len++) {
            struct log log = {.format = (enum log_format)format, .has_time = true};
            const struct log_field fields[] = {field, field, field,
                                               LOG_SPAN("pad", ((struct span){pad, len}))};
            struct capture capture;
            size_t got_len;

            capture_start(&capture);
            log_write(&log, LOG_LEVEL_ERROR, "x", &fields[3 - count], count + 1);
            got_len = capture_read(&capture, got, sizeof(got));
            capture_stop(&capture);
            assert_true(got_len <= LINE_BYTES_MAX);
            assert_ptr_equal(strchr(got, '\n'), got + got_len - 1);
            assert_non_null(strchr("a\"}", got[got_len - 2]));
            if (got_len > longest)
                longest = got_len;
        }
    }
    assert_int_equal(longest, LINE_BYTES_MAX);
}

/* Nobody reads stderr: lines are counted, not waited for, and told of when there is room again. */
static void test_log_full_pipe_loses_lines_but_never_blocks(void **state)
{
    static char got[1 << 20];
    struct log log = {.level = LOG_LEVEL_INFO};
    struct capture capture;
    uint64_t lost[4];

    (void)state;
    capture_start(&capture);
    fcntl(STDERR_FILENO, F_SETFL, 0); /* a write that does not fit would block */
    for (unsigned i = 0; i < 100000 && log.lost == 0; i++)
        log_info(&log, "filler", LOG_UINT("i", i));
    lost[0] = log.lost;
    log_info(&log, "more", LOG_UINT("i", 1));
    lost[1] = log.lost;
    log_info(&log, "more", LOG_UINT("i", 2)); /* the line that tells of it is no loss itself */
    lost[2] = log.lost;
    capture_read(&capture, got, sizeof(got));
    log_info(&log, "again", LOG_UINT("i", 3));
    lost[3] = log.lost;
    capture_read(&capture, got, sizeof(got));
    capture_stop(&capture);
    assert_int_equal(lost[0], 1);
    assert_int_equal(lost[1], 2);
    assert_int_equal(lost[2], 3);
    assert_int_equal(lost[3], 0);
    assert_string_equal(got, "level=warning event=log_lines_lost lines=3\n"
                             "level=info event=again i=3\n");
}

static void test_log_closed_stderr(void **state)
{
    struct log log = {.level = LOG_LEVEL_INFO};
    struct capture capture;

    (void)state;
    capture_start(&capture);
    close(STDERR_FILENO);
    log_info(&log, "x", LOG_UINT("i", 1));
    capture_stop(&capture);
    assert_int_equal(log.lost, 1);
}

static void test_log_init(void **state)
{
    struct log log;

    (void)state;
    unsetenv("JOURNAL_STREAM");
    log_init(&log);
    assert_int_equal(log.level, LOG_LEVEL_WARNING);
    assert_int_equal(log.format, LOG_FORMAT_TEXT);
    assert_int_equal(log.target, LOG_TARGET_STDERR);
    assert_true(log.has_time);
    setenv("JOURNAL_STREAM", "8:1", 1);
    log_init(&log);
    assert_false(log.has_time); /* the journal adds its own */
    unsetenv("JOURNAL_STREAM");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_lines),
        cmocka_unit_test(test_log_no_value_forges_a_line),
        cmocka_unit_test(test_log_long_values_are_cut),
        cmocka_unit_test(test_log_full_line_ends_behind_a_field),
        cmocka_unit_test(test_log_levels),
        cmocka_unit_test(test_log_json_lines_are_json),
        cmocka_unit_test(test_log_line_is_bounded),
        cmocka_unit_test(test_log_full_pipe_loses_lines_but_never_blocks),
        cmocka_unit_test(test_log_closed_stderr),
        cmocka_unit_test(test_log_init),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
