/* log.h - one event, one line: level, event and fields, as key=value text or as JSON, to stderr or
 * syslog. One writer quotes every value, so nothing that a stranger sends can forge a line.
 *
 * error: a human must act. warning: podop coped, its peer or backend did not. info: start, listen,
 * reload, stop. debug: each request; the only level that shows keys. Secrets appear at none. */
#ifndef PODOP_LOG_H
#define PODOP_LOG_H

#include "podop/span.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };

struct log {
    enum log_level level; /* what is above it is not written */
    enum log_format format;
    enum log_target target;
    bool has_time; /* each line begins with its time; off where the journal adds its own */
    uint64_t lost; /* lines dropped since the reader of stderr stopped reading; told later */
};

struct log_field {
    const char *name;
    struct span text; /* when is_number is false */
    uint64_t number;
    bool is_number;
};

#define LOG_SPAN(name, span) ((struct log_field){(name), (span), 0, false})
#define LOG_STR(name, string) LOG_SPAN(name, span_of(string))
#define LOG_UINT(name, n) ((struct log_field){(name), {NULL, 0}, (n), true})

/* At least one field. Fields are not evaluated when the level is not written. */
#define log_at(log, at, event, ...)                                                                \
    do {                                                                                           \
        if ((at) <= (log)->level) {                                                                \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                  \
            log_write((log), (at), (event), log_fields_,                                           \
                      sizeof(log_fields_) / sizeof(log_fields_[0]));                               \
        }                                                                                          \
    } while (0)
#define log_error(log, event, ...) log_at(log, LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warning(log, event, ...) log_at(log, LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_info(log, event, ...) log_at(log, LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(log, event, ...) log_at(log, LOG_LEVEL_DEBUG, event, __VA_ARGS__)

void log_init(struct log *log); /* warning, text, stderr */

/* Never blocks on stderr: a line that a full pipe cannot take whole is counted and dropped. */
void log_write(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count);

struct buf;
/* The line as it would be written, without time and line feed, appended to out. */
void log_format_line(struct buf *out, enum log_format format, enum log_level level,
                     const char *event, const struct log_field *fields, size_t count);

#endif
