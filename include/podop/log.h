/* log.h - one event, one line: level, event and fields, as key=value text or as JSON, to stderr or
 * syslog. One writer quotes every value, so nothing that a stranger sends can forge a line.
 *
 * error: a human must act. warning: podop coped, its peer or backend did not. info: start, listen,
 * reload, stop. debug: each request; the only level that shows keys. Secrets appear at none. */
#ifndef PODOP_LOG_H
#define PODOP_LOG_H

#include "podop/span.h"
#include "podop/syslog_socket.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };

struct log {
    enum log_level level; /* what is above it is not written */
    enum log_format format;
    enum log_target target;
    bool has_time; /* each line begins with its time; off where the journal adds its own */
    uint64_t lost; /* lines dropped since nobody took them any more; told later (the writer counts
                    * its own) */
    struct syslog_socket syslog;
    struct log_writer *writer; /* of what goes to stderr; NULL: log_write() writes it itself */
};

enum log_kind { LOG_KIND_TEXT, LOG_KIND_NUMBER, LOG_KIND_THOUSANDTHS };

struct log_field {
    const char *name; /* NULL: the field is left out */
    struct span text; /* of LOG_KIND_TEXT */
    uint64_t number;
    enum log_kind kind;
};

#define LOG_SPAN(name, span) ((struct log_field){(name), (span), 0, LOG_KIND_TEXT})
#define LOG_STR(name, string) LOG_SPAN(name, span_of(string))
#define LOG_UINT(name, n) ((struct log_field){(name), {NULL, 0}, (n), LOG_KIND_NUMBER})
/* Microseconds, which are shown as milliseconds with three decimals. */
#define LOG_MS(name, us) ((struct log_field){(name), {NULL, 0}, (us), LOG_KIND_THOUSANDTHS})
#define LOG_IF(condition, field) ((condition) ? (field) : (struct log_field){0})

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
/* Writes what is queued, as log_writer_free() does. */
void log_deinit(struct log *log);
/* From here on a thread writes what goes to stderr, if there can be one. */
void log_start_writer(struct log *log);
/* Connects to the logger where target is syslog: with the rights that podop still has. */
void log_configure(struct log *log, enum log_level level, enum log_format format,
                   enum log_target target);

/* Never blocks: a line for which there is no room is counted and dropped, and a later line says so.
 * Without a writer that is one that the reader of stderr cannot take now; with it, one that exceeds
 * what log_queue.h keeps. What is for syslog goes to stderr while there is no logger. */
void log_write(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count);

struct buf;
/* The line as it would be written, without time and line feed, appended to out; without the fields
 * for which it has no room. */
void log_format_line(struct buf *out, enum log_format format, enum log_level level,
                     const char *event, const struct log_field *fields, size_t count);

#endif
