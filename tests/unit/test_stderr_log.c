#include "unit.h"

#include "backend/process/stderr_log.h"

#include "podop/buf.h"

static struct log logger = {.level = LOG_LEVEL_INFO};
static struct stderr_log errors;
static struct buf logged;

/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp): the linker's names */
void __wrap_log_event(struct log *log, enum log_level level, const char *event,
                      const struct log_field *fields, size_t count);

void __wrap_log_event(struct log *log, enum log_level level, const char *event,
                      const struct log_field *fields, size_t count)
{
    assert_ptr_equal(log, &logger);
    log_format_line(&logged, LOG_FORMAT_TEXT, level, event, fields, count);
    buf_add_char(&logged, '\n');
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static int setup(void **state)
{
    (void)state;
    errors = (struct stderr_log){0};
    buf_init(&logged, SIZE_MAX);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_deinit(&logged);
    return 0;
}

static void take(struct span bytes, uint64_t now_ms)
{
    stderr_log_read(&errors, bytes, &logger, "t", 42, now_ms);
}

static void end(uint64_t now_ms)
{
    stderr_log_end(&errors, &logger, "t", 42, now_ms);
}

static void assert_logged(const char *expected)
{
    assert_string_equal(buf_string(&logged), expected);
    buf_clear(&logged);
}

static void test_lines(void **state)
{
    (void)state;
    take(SPAN("one\ntw"), 1000);
    assert_logged("level=info event=program_says table=t pid=42 text=one\n");
    assert_string_equal(errors.last, "one");
    take(SPAN("o\n\n"), 1000); /* an empty line is not logged */
    assert_logged("level=info event=program_says table=t pid=42 text=two\n");
    assert_string_equal(errors.last, "two");
    end(1000);
    assert_logged("");
}

static void test_last_line_without_a_line_feed(void **state)
{
    (void)state;
    take(SPAN("help"), 1000);
    assert_logged("");
    end(1000);
    assert_logged("level=info event=program_says table=t pid=42 text=help\n");
    assert_string_equal(errors.last, "help");
}

static void test_long_line(void **state)
{
    char line[STDERR_LINE_BYTES_MAX + 2];

    (void)state;
    memset(line, 'x', sizeof(line));
    for (size_t len = STDERR_LINE_BYTES_MAX - 1; len <= STDERR_LINE_BYTES_MAX + 1; len++) {
        const bool is_cut = len > STDERR_LINE_BYTES_MAX;

        take((struct span){line, len}, 1000);
        take(SPAN("\n"), 1000);
        if ((strstr(buf_string(&logged), " cut=yes\n") != NULL) != is_cut)
            fail_msg("%zu bytes: %s", len, buf_string(&logged));
        buf_clear(&logged);
    }
    assert_int_equal(strlen(errors.last), sizeof(errors.last) - 1);
}

static unsigned lines_logged(void)
{
    unsigned lines = 0;

    for (size_t i = 0; i < logged.len; i++)
        lines += logged.ptr[i] == '\n';
    buf_clear(&logged);
    return lines;
}

/* Lines beyond the limit of a second are counted, and their number is logged with the next one. */
static void test_limit(void **state)
{
    (void)state;
    for (int i = 0; i < STDERR_LINES_MAX + 5; i++)
        take(SPAN("x\n"), 1000);
    assert_int_equal(lines_logged(), STDERR_LINES_MAX);
    take(SPAN("x\n"), 1999);
    assert_int_equal(lines_logged(), 0);
    take(SPAN("y\n"), 2000);
    assert_logged("level=info event=program_lines_lost table=t pid=42 lines=6\n"
                  "level=info event=program_says table=t pid=42 text=y\n");
    for (int i = 0; i < STDERR_LINES_MAX; i++)
        take(SPAN("x\n"), 2000);
    buf_clear(&logged);
    end(2000);
    assert_logged("level=info event=program_lines_lost table=t pid=42 lines=1\n");
}

#define STDERR_TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        STDERR_TEST(test_lines),
        STDERR_TEST(test_last_line_without_a_line_feed),
        STDERR_TEST(test_long_line),
        STDERR_TEST(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
