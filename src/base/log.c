#include "podop/log.h"

#include "podop/buf.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_BYTES_MAX = 4096, /* PIPE_BUF: a pipe takes so much whole or not at all */
    FIELD_BYTES_MAX = 600, /* of a value; the rest is cut and "..." says so */
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};
static const int syslog_priorities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

void log_init(struct log *log)
{
    *log = (struct log){
        .level = LOG_LEVEL_WARNING,
        .has_time = getenv("JOURNAL_STREAM") == NULL,
    };
}

static bool is_plain(struct span text)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.ptr[i];

        if (c <= ' ' || c == '"' || c == '\\' || c == '=' || c == 0x7f || (unsigned char)c >= 0x80)
            return false;
    }
    return text.len > 0;
}

/* U+0080 to U+009F command a terminal just as the bytes below 0x20 do. */
static bool is_c1_control(struct span utf8_char)
{
    return utf8_char.len == 2 && (unsigned char)utf8_char.ptr[0] == 0xc2 &&
           (unsigned char)utf8_char.ptr[1] < 0xa0;
}

/* Inside of quotes, for both formats: only what neither a terminal nor a parser acts upon stays. */
static void add_escaped(struct buf *out, enum log_format format, struct span text)
{
    struct span shown = {text.ptr, text.len < FIELD_BYTES_MAX ? text.len : FIELD_BYTES_MAX};
    char code[8];

    for (size_t i = 0, len; i < shown.len; i += len) {
        unsigned char byte = (unsigned char)shown.ptr[i];

        len = span_utf8_char(span_skip(shown, i));
        if (byte == '"' || byte == '\\') {
            buf_add_char(out, '\\');
            buf_add_char(out, (char)byte);
        } else if (len > 0 && byte >= ' ' && byte != 0x7f &&
                   !is_c1_control((struct span){shown.ptr + i, len})) {
            buf_add(out, (struct span){shown.ptr + i, len});
        } else if (format == LOG_FORMAT_JSON) {
            snprintf(code, sizeof(code), "\\u%04x",
                     len == 0   ? 0xfffdU
                     : len == 2 ? (unsigned char)shown.ptr[i + 1]
                                : byte);
            buf_add(out, span_of(code));
        } else {
            len = 1;
            snprintf(code, sizeof(code), "\\x%02x", byte);
            buf_add(out, span_of(code));
        }
        if (len == 0)
            len = 1;
    }
    if (shown.len < text.len)
        buf_add(out, SPAN("..."));
}

static void add_field(struct buf *out, enum log_format format, const struct log_field *field)
{
    bool is_json = format == LOG_FORMAT_JSON;

    if (is_json) {
        buf_add(out, SPAN(",\""));
        buf_add(out, span_of(field->name));
        buf_add(out, SPAN("\":"));
    } else {
        buf_add_char(out, ' ');
        buf_add(out, span_of(field->name));
        buf_add_char(out, '=');
    }
    if (field->is_number) {
        buf_add_uint(out, field->number);
    } else if (!is_json && field->text.len < FIELD_BYTES_MAX && is_plain(field->text)) {
        buf_add(out, field->text);
    } else {
        buf_add_char(out, '"');
        add_escaped(out, format, field->text);
        buf_add_char(out, '"');
    }
}

void log_format_line(struct buf *out, enum log_format format, enum log_level level,
                     const char *event, const struct log_field *fields, size_t count)
{
    bool is_json = format == LOG_FORMAT_JSON;

    buf_add(out, is_json ? SPAN("\"level\":\"") : SPAN("level="));
    buf_add(out, span_of(level_names[level]));
    buf_add(out, is_json ? SPAN("\",\"event\":\"") : SPAN(" event="));
    buf_add(out, span_of(event));
    if (is_json)
        buf_add_char(out, '"');
    for (size_t i = 0; i < count; i++) {
        size_t before = out->len;

        add_field(out, format, &fields[i]);
        if (out->is_over) { /* never half a field: the line stays one that can be parsed */
            out->is_over = false;
            out->len = before;
            return;
        }
    }
}

static void add_time(struct buf *line, enum log_format format)
{
    struct timespec now;
    struct tm utc;
    char date[32], text[48];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &utc);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &utc);
    snprintf(text, sizeof(text), "%s.%03uZ", date, (unsigned)(now.tv_nsec / 1000000) % 1000);
    buf_add(line, format == LOG_FORMAT_JSON ? SPAN("\"time\":\"") : SPAN("time="));
    buf_add(line, span_of(text));
    buf_add(line, format == LOG_FORMAT_JSON ? SPAN("\",") : SPAN(" "));
}

static void write_stderr(struct log *log, struct span line)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

    if (poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0 ||
        write(STDERR_FILENO, line.ptr, line.len) == -1)
        log->lost++;
}

void log_write(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count)
{
    bool is_json = log->format == LOG_FORMAT_JSON;
    struct buf line;

    if (log->lost > 0 && strcmp(event, "log_lines_lost") != 0) {
        const uint64_t lost = log->lost;

        log->lost = 0;
        log_write(log, LOG_LEVEL_WARNING, "log_lines_lost", &LOG_UINT("lines", lost), 1);
        if (log->lost > 0) /* still nobody reads: that line is no loss to tell of */
            log->lost = lost;
    }
    buf_init(&line, LINE_BYTES_MAX - 2); /* room for "}\n" */
    if (is_json)
        buf_add_char(&line, '{');
    if (log->has_time && log->target == LOG_TARGET_STDERR)
        add_time(&line, log->format);
    log_format_line(&line, log->format, level, event, fields, count);
    line.max += 2;
    if (is_json)
        buf_add_char(&line, '}');
    if (log->target == LOG_TARGET_SYSLOG) {
        syslog(LOG_MAIL | syslog_priorities[level], "%.*s", (int)line.len, line.ptr);
    } else {
        buf_add_char(&line, '\n');
        write_stderr(log, buf_span(&line));
    }
    buf_deinit(&line);
}
