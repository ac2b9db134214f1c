#include "podop/log.h"

#include "log_writer.h"
#include "podop/buf.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_BYTES_MAX = 4096, /* PIPE_BUF: a pipe takes a write of this size whole or not at all */
    FIELD_BYTES_MAX = 600, /* a longer value is cut and ends in "..."; a shorter value that ends so
                            * cannot be confused with it */
};

static const char *const level_names[] = {"error", "warning", "info", "debug"};

void log_init(struct log *log)
{
    *log = (struct log){
        .level = LOG_LEVEL_WARNING,
        .has_time = getenv("JOURNAL_STREAM") == NULL,
    };
}

void log_deinit(struct log *log)
{
    log_writer_free(&log->writer);
    syslog_socket_close(&log->syslog);
}

void log_configure(struct log *log, enum log_level level, enum log_format format,
                   enum log_target target)
{
    log->level = level;
    log->format = format;
    log->target = target;
    switch (target) {
    case LOG_TARGET_STDERR: syslog_socket_close(&log->syslog); return;
    case LOG_TARGET_SYSLOG: syslog_socket_open(&log->syslog); return;
    }
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

/* Returns the code point of a sequence that span_utf8_char() found well-formed. */
static uint32_t code_point(struct span utf8_char)
{
    const unsigned char *p = (const unsigned char *)utf8_char.ptr;
    uint32_t code = utf8_char.len == 1 ? p[0] : p[0] & (0xffU >> (utf8_char.len + 1));

    for (size_t i = 1; i < utf8_char.len; i++)
        code = code << 6 | (p[i] & 0x3fU);
    return code;
}

/* Returns whether a terminal or a line reader would interpret the character: control characters
 * including U+0080 to U+009F, line and paragraph separators, and changes of the writing direction.
 */
static bool is_control(uint32_t code)
{
    return code < ' ' || (code >= 0x7f && code <= 0x9f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Adds the escape of one character for JSON, or of one byte for text. utf8_char is empty if the
 * input is not valid UTF-8. Returns how many bytes of input the escape stands for. */
static size_t add_code(struct buf *out, enum log_format format, struct span utf8_char)
{
    char code[8];

    if (format == LOG_FORMAT_JSON)
        snprintf(code, sizeof(code), "\\u%04x",
                 utf8_char.len == 0 ? 0xfffdU : (unsigned)code_point(utf8_char) & 0xffffU);
    else
        snprintf(code, sizeof(code), "\\x%02x", (unsigned char)*utf8_char.ptr);
    buf_add(out, span_of(code));
    return format == LOG_FORMAT_JSON && utf8_char.len > 0 ? utf8_char.len : 1;
}

/* Adds text for use inside quotes, in both formats. Everything that a terminal or a parser would
 * interpret is escaped. */
static void add_escaped(struct buf *out, enum log_format format, struct span text)
{
    struct span rest = {text.ptr, text.len < FIELD_BYTES_MAX ? text.len : FIELD_BYTES_MAX};

    while (rest.len > 0) {
        struct span utf8_char = {rest.ptr, span_utf8_char(rest)};
        size_t used = utf8_char.len;

        if (used == 0 || is_control(code_point(utf8_char))) {
            used = add_code(out, format, utf8_char);
        } else {
            if (*rest.ptr == '"' || *rest.ptr == '\\')
                buf_add_char(out, '\\');
            buf_add(out, utf8_char);
        }
        rest = span_skip(rest, used);
    }
    if (text.len > FIELD_BYTES_MAX)
        buf_add(out, SPAN("..."));
}

static void add_value(struct buf *out, enum log_format format, const struct log_field *field)
{
    char decimals[8];

    switch (field->kind) {
    case LOG_KIND_NUMBER: buf_add_uint(out, field->number); return;
    case LOG_KIND_THOUSANDTHS:
        snprintf(decimals, sizeof(decimals), ".%03u", (unsigned)(field->number % 1000));
        buf_add_uint(out, field->number / 1000);
        buf_add(out, span_of(decimals));
        return;
    case LOG_KIND_TEXT: break;
    }
    if (format == LOG_FORMAT_TEXT && field->text.len < FIELD_BYTES_MAX && is_plain(field->text)) {
        buf_add(out, field->text);
    } else {
        buf_add_char(out, '"');
        add_escaped(out, format, field->text);
        buf_add_char(out, '"');
    }
}

static void add_field(struct buf *out, enum log_format format, const struct log_field *field)
{
    if (format == LOG_FORMAT_JSON) {
        buf_add(out, SPAN(",\""));
        buf_add(out, span_of(field->name));
        buf_add(out, SPAN("\":"));
    } else {
        buf_add_char(out, ' ');
        buf_add(out, span_of(field->name));
        buf_add_char(out, '=');
    }
    add_value(out, format, field);
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

        if (fields[i].name == NULL)
            continue;
        add_field(out, format, &fields[i]);
        if (out->is_over) { /* remove the partial field, so that the line can be parsed */
            out->is_over = false;
            out->len = before;
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

static void add_line(struct buf *line, const struct log *log, bool has_time, enum log_level level,
                     const char *event, const struct log_field *fields, size_t count)
{
    bool is_json = log->format == LOG_FORMAT_JSON;

    line->max -= 2; /* room for "}\n" */
    if (is_json)
        buf_add_char(line, '{');
    if (has_time)
        add_time(line, log->format);
    log_format_line(line, log->format, level, event, fields, count);
    line->max += 2;
    if (is_json)
        buf_add_char(line, '}');
}

static bool has_room(void)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};

    return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0;
}

/* Writes the line without blocking. A partial write is continued while there is room. */
static void write_stderr(struct log *log, struct span line)
{
    struct span rest = line;

    if (log->writer != NULL) {
        log_writer_add(log->writer, line, (struct log_loss){log->format, log->has_time});
        return;
    }
    while (rest.len > 0) {
        ssize_t n = has_room() ? write(STDERR_FILENO, rest.ptr, rest.len) : -1;

        if (n <= 0) {
            log->lost++;
            return;
        }
        rest = span_skip(rest, (size_t)n);
    }
}

static void add_loss(struct buf *out, struct log_loss how, uint64_t lost)
{
    const struct log log = {.format = (enum log_format)how.format};

    add_line(out, &log, how.has_time, LOG_LEVEL_WARNING, "log_lines_lost", &LOG_UINT("lines", lost),
             1);
    buf_add_char(out, '\n');
}

void log_start_writer(struct log *log)
{
    if (log->writer == NULL)
        log->writer = log_writer_new(add_loss);
}

/* Returns false if there is no system logger. */
static bool write_syslog(struct log *log, enum log_level level, struct span line)
{
    static const int severities[] = {LOG_ERR, LOG_WARNING, LOG_INFO, LOG_DEBUG};

    switch (syslog_socket_send(&log->syslog, severities[level], line)) {
    case SYSLOG_ABSENT: return false;
    case SYSLOG_LOST: log->lost++; return true;
    case SYSLOG_TAKEN: return true;
    }
    return true;
}

static void observe(struct log *log, enum log_level level, const char *event,
                    const struct log_field *fields, size_t count)
{
    if (log->observer != NULL && level <= LOG_LEVEL_WARNING)
        log->observer->see(log->observer->arg, level, event, fields, count);
}

void log_event(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count)
{
    observe(log, level, event, fields, count);
    if (level <= log->level)
        log_write(log, level, event, fields, count);
}

static void report_lost(struct log *log)
{
    const uint64_t lost = log->lost;

    log->lost = 0;
    observe(log, LOG_LEVEL_WARNING, "log_lines_lost", &LOG_UINT("lines", lost), 1);
    log_write(log, LOG_LEVEL_WARNING, "log_lines_lost", &LOG_UINT("lines", lost), 1);
    if (log->lost > 0) /* the report itself was lost, and is not counted */
        log->lost = lost;
}

void log_write(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count)
{
    struct buf line;

    if (log->lost > 0 && strcmp(event, "log_lines_lost") != 0)
        report_lost(log);
    buf_init(&line, LINE_BYTES_MAX);
    if (log->target == LOG_TARGET_SYSLOG) {
        add_line(&line, log, false, level, event, fields, count);
        if (write_syslog(log, level, buf_span(&line))) {
            buf_deinit(&line);
            return;
        }
        buf_clear(&line);
    }
    add_line(&line, log, log->has_time, level, event, fields, count);
    buf_add_char(&line, '\n');
    write_stderr(log, buf_span(&line));
    buf_deinit(&line);
}
