#include "unit.h"

#include "podop/buf.h"
#include "podop/json_value.h"
#include "podop/log.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
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
        LOG_IF(false, LOG_STR("left", "out")),
        LOG_IF(true, LOG_STR("lines2", "\xe2\x80\xa8\xe2\x80\xae \xe2\x81\xa9\xe2\x82\xac")),
        LOG_MS("took", 12),
        LOG_MS("long", UINT64_C(1234567)),
    };

    (void)state;
    assert_line(LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "start", fields, ARRAY_LEN(fields),
                "level=info event=start table=virtual empty=\"\" blank=\"a b\" equals=\"a=b\" "
                "quote=\"say \\\"x\\\\\" lines=\"a\\x0ab\\x0d\\x09\" utf8=\"j\xc3\xb6rg\" "
                "ms=18446744073709551615 zero=0 csi=\"\\x1b[31m\\x7f\\xc2\\x9b\" no=\"\\xc3\\xff\" "
                "lines2=\"\\xe2\\x80\\xa8\\xe2\\x80\\xae \\xe2\\x81\\xa9\xe2\x82\xac\" "
                "took=0.012 long=1234.567");
    assert_line(LOG_FORMAT_JSON, LOG_LEVEL_ERROR, "start", fields, ARRAY_LEN(fields),
                "\"level\":\"error\",\"event\":\"start\",\"table\":\"virtual\",\"empty\":\"\","
                "\"blank\":\"a b\",\"equals\":\"a=b\",\"quote\":\"say \\\"x\\\\\","
                "\"lines\":\"a\\u000ab\\u000d\\u0009\",\"utf8\":\"j\xc3\xb6rg\","
                "\"ms\":18446744073709551615,\"zero\":0,"
                "\"csi\":\"\\u001b[31m\\u007f\\u009b\",\"no\":\"\\ufffd\\ufffd\","
                "\"lines2\":\"\\u2028\\u202e \\u2069\xe2\x82\xac\","
                "\"took\":0.012,\"long\":1234.567");
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

/* Returns whether text is one field for a reader of key=value lines, up to the end of the line. */
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

/* A long value is cut at any position, ends in "...", and stays one field. */
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

/* A field that does not fit is left out; shorter ones after it are not. */
static void test_log_full_line_has_whole_fields(void **state)
{
    static const struct {
        size_t from;
        const char *line;
    } lines[] = {
        {40, "level=info event=x a=1 b=\"two words\" c=3"},
        {36, "level=info event=x a=1 b=\"two words\""},
        {26, "level=info event=x a=1 c=3"},
        {22, "level=info event=x a=1"},
        {18, "level=info event=x"},
    };
    const struct log_field fields[] = {LOG_UINT("a", 1), LOG_STR("b", "two words"),
                                       LOG_UINT("c", 3)};

    (void)state;
    for (size_t max = 18; max < 50; max++) {
        size_t i = 0;
        struct buf out;

        while (max < lines[i].from)
            i++;

        buf_init(&out, max);
        log_format_line(&out, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "x", fields, ARRAY_LEN(fields));
        assert_false(out.is_over);
        assert_true(span_equal(buf_span(&out), span_of(lines[i].line)));
        buf_deinit(&out);
    }
}

/* While it is open, stderr is a pipe that only the test reads. */
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
        assert_int_equal(evaluated,
                         level + 1); /* fields of lines that are not written are not evaluated */
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

/* A pipe takes even the longest possible line as a whole. */
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

/* When stderr is not read, lines are dropped and counted, and reported when there is room again. */
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
    log_info(&log, "more", LOG_UINT("i", 2)); /* the report itself is not lost */
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

/* A fake logger, which keeps its messages until the test reads them. */
struct logger {
    struct sockaddr_un at;
    int fd;
};

static void logger_start(struct logger *l)
{
    unlink(l->at.sun_path);
    l->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(l->fd, (const struct sockaddr *)&l->at, sizeof(l->at)), 0);
}

static void logger_init(struct logger *l)
{
    *l = (struct logger){.at = {.sun_family = AF_UNIX}};
    snprintf(l->at.sun_path, sizeof(l->at.sun_path), "/tmp/podop-test-log.%ld", (long)getpid());
    logger_start(l);
}

static void logger_end(struct logger *l)
{
    close(l->fd);
    unlink(l->at.sun_path);
}

/* Returns the text of the next message, without its head, which it checks; NULL: no message. */
static const char *logger_text(const struct logger *l, unsigned priority, char got[8192])
{
    ssize_t len = recv(l->fd, got, 8191, 0);
    char month[4], tag[40], expected[40];
    unsigned number, day, hour, minute, second;
    int head = 0;

    if (len == -1)
        return NULL;
    got[len] = '\0';
    assert_int_equal(sscanf(got, "<%u>%3s %2u %2u:%2u:%2u %39[^:]: %n", &number, month, &day, &hour,
                            &minute, &second, tag, &head),
                     7);
    snprintf(expected, sizeof(expected), "podop[%ld]", (long)getpid());
    assert_string_equal(tag, expected);
    assert_int_equal(number, priority);
    assert_true(day >= 1 && day <= 31 && hour < 24 && minute < 60 && second <= 60);
    return got + head;
}

static struct log syslog_of(const struct logger *l)
{
    return (struct log){.level = LOG_LEVEL_DEBUG,
                        .target = LOG_TARGET_SYSLOG,
                        .has_time = true, /* on stderr only */
                        .syslog = {.path = l->at.sun_path}};
}

static void test_log_syslog(void **state)
{
    struct capture capture;
    struct logger logger;
    struct log log;
    char got[8192];

    (void)state;
    logger_init(&logger);
    log = syslog_of(&logger);
    capture_start(&capture);
    log_error(&log, "e", LOG_STR("key", "a\nb"));
    log_warning(&log, "w", LOG_UINT("i", 1));
    log_info(&log, "i", LOG_UINT("i", 2));
    log.format = LOG_FORMAT_JSON;
    log_debug(&log, "d", LOG_UINT("i", 3));
    assert_int_equal(capture_read(&capture, got, sizeof(got)), 0);
    capture_stop(&capture);
    assert_string_equal(logger_text(&logger, 19, got), "level=error event=e key=\"a\\x0ab\"");
    assert_string_equal(logger_text(&logger, 20, got), "level=warning event=w i=1");
    assert_string_equal(logger_text(&logger, 22, got), "level=info event=i i=2");
    assert_string_equal(logger_text(&logger, 23, got),
                        "{\"level\":\"debug\",\"event\":\"d\",\"i\":3}");
    assert_null(logger_text(&logger, 0, got));
    log_deinit(&log);
    logger_end(&logger);
}

/* The longest line fits into one message, as a whole. */
static void test_log_syslog_long_line(void **state)
{
    char lines[600], got[8192];
    struct logger logger;
    struct log log;
    size_t len;

    (void)state;
    memset(lines, '\n', sizeof(lines));
    logger_init(&logger);
    log = syslog_of(&logger);
    log_info(&log, "i", LOG_SPAN("a", ((struct span){lines, 600})),
             LOG_SPAN("b", ((struct span){lines, 350})),
             LOG_SPAN("left", ((struct span){lines, 600})), LOG_UINT("last", 7));
    len = strlen(logger_text(&logger, 22, got));
    assert_true(len > 3600 && len <= LINE_BYTES_MAX);
    assert_null(strstr(got, "left="));
    assert_non_null(strstr(got, "\\x0a\" last=7"));
    log_deinit(&log);
    logger_end(&logger);
}

/* When a logger does not read, lines are dropped and counted, and reported later. */
static void test_log_syslog_full(void **state)
{
    struct capture capture;
    struct logger logger;
    struct log log;
    char got[8192], last[8192];
    uint64_t lost;

    (void)state;
    logger_init(&logger);
    log = syslog_of(&logger);
    capture_start(&capture);
    for (unsigned i = 0; i < 100000 && log.lost == 0; i++)
        log_info(&log, "filler", LOG_UINT("i", i));
    log_info(&log, "more", LOG_UINT("i", 1));
    lost = log.lost;
    while (logger_text(&logger, 22, got) != NULL)
        ;
    log_info(&log, "again", LOG_UINT("i", 2));
    assert_int_equal(capture_read(&capture, last, sizeof(last)), 0);
    capture_stop(&capture);
    assert_int_equal(lost, 2);
    assert_int_equal(log.lost, 0);
    assert_string_equal(logger_text(&logger, 20, got),
                        "level=warning event=log_lines_lost lines=2");
    assert_string_equal(logger_text(&logger, 22, got), "level=info event=again i=2");
    log_deinit(&log);
    logger_end(&logger);
}

/* Without a logger, lines go to stderr; the next line connects to a new logger. */
static void test_log_syslog_restarted(void **state)
{
    struct capture capture;
    struct logger logger;
    struct log log;
    char got[8192];

    (void)state;
    logger_init(&logger);
    log = syslog_of(&logger);
    capture_start(&capture);
    log_info(&log, "first", LOG_UINT("i", 1));
    assert_string_equal(logger_text(&logger, 22, got), "level=info event=first i=1");
    logger_end(&logger);
    logger_start(&logger);
    log_info(&log, "second", LOG_UINT("i", 2)); /* not lost with the old connection */
    assert_int_equal(capture_read(&capture, got, sizeof(got)), 0);
    assert_string_equal(logger_text(&logger, 22, got), "level=info event=second i=2");
    logger_end(&logger);
    log_info(&log, "third", LOG_UINT("i", 3));
    log_info(&log, "fourth", LOG_UINT("i", 4));
    capture_read(&capture, got, sizeof(got));
    assert_int_equal(strncmp(got, "time=", 5), 0);
    assert_non_null(strstr(got, "Z level=info event=third i=3\ntime="));
    assert_non_null(strstr(got, "Z level=info event=fourth i=4\n"));
    logger_start(&logger);
    log_info(&log, "fifth", LOG_UINT("i", 5));
    assert_int_equal(capture_read(&capture, got, sizeof(got)), 0);
    assert_string_equal(logger_text(&logger, 22, got), "level=info event=fifth i=5");
    assert_int_equal(log.lost, 0);
    capture_stop(&capture);
    log_deinit(&log);
    logger_end(&logger);
}

/* log_configure() connects to the logger, not the first line, which may come after privileges were
 * dropped. */
static void test_log_configure(void **state)
{
    struct logger logger;
    struct log log;
    char got[8192];

    (void)state;
    logger_init(&logger);
    log_init(&log);
    log.syslog.path = logger.at.sun_path;
    log_configure(&log, LOG_LEVEL_DEBUG, LOG_FORMAT_JSON, LOG_TARGET_SYSLOG);
    assert_true(log.syslog.is_open);
    unlink(logger.at.sun_path);
    log_debug(&log, "d", LOG_UINT("i", 1));
    assert_string_equal(logger_text(&logger, 23, got),
                        "{\"level\":\"debug\",\"event\":\"d\",\"i\":1}");
    log_configure(&log, LOG_LEVEL_ERROR, LOG_FORMAT_TEXT, LOG_TARGET_STDERR);
    assert_false(log.syslog.is_open);
    assert_int_equal(log.level, LOG_LEVEL_ERROR);
    assert_int_equal(log.format, LOG_FORMAT_TEXT);
    log_deinit(&log);
    logger_end(&logger);
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

struct seen {
    unsigned events;
    char last[40];
    uint64_t number;
};

static void see(void *arg, enum log_level level, const char *event, const struct log_field *fields,
                size_t count)
{
    struct seen *seen = arg;

    assert_true(level <= LOG_LEVEL_WARNING);
    assert_int_equal(count, 1);
    seen->events++;
    seen->number = fields[0].number;
    snprintf(seen->last, sizeof(seen->last), "%s", event);
}

static void test_observer_sees_what_is_not_written(void **state)
{
    struct seen seen = {0};
    const struct log_observer observer = {see, &seen};
    struct log log;

    (void)state;
    log_init(&log);
    log.level = LOG_LEVEL_ERROR;
    log_warning(&log, "unseen", LOG_UINT("n", 1));
    log.observer = &observer;
    log_warning(&log, "seen", LOG_UINT("n", 2));
    log_info(&log, "too_low", LOG_UINT("n", 3));
    assert_int_equal(seen.events, 1);
    assert_string_equal(seen.last, "seen");
    assert_int_equal(seen.number, 2);
    log_deinit(&log);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_log_lines),
        cmocka_unit_test(test_log_no_value_forges_a_line),
        cmocka_unit_test(test_log_long_values_are_cut),
        cmocka_unit_test(test_log_full_line_has_whole_fields),
        cmocka_unit_test(test_log_levels),
        cmocka_unit_test(test_log_json_lines_are_json),
        cmocka_unit_test(test_log_line_is_bounded),
        cmocka_unit_test(test_log_full_pipe_loses_lines_but_never_blocks),
        cmocka_unit_test(test_log_closed_stderr),
        cmocka_unit_test(test_log_init),
        cmocka_unit_test(test_log_configure),
        cmocka_unit_test(test_log_syslog),
        cmocka_unit_test(test_log_syslog_long_line),
        cmocka_unit_test(test_log_syslog_full),
        cmocka_unit_test(test_log_syslog_restarted),
        cmocka_unit_test(test_observer_sees_what_is_not_written),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
