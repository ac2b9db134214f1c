/* log.h - writes one line for each event: level, event and fields, as key=value text or as JSON, to
 * stderr or syslog. One function quotes all values, so input from a peer cannot forge a line.
 *
 * Levels: error, an administrator must act; warning, a peer or backend failed and podop coped;
 * info, start, listen, reload and stop; debug, each request. Keys appear at debug only, secrets
 * never. */
#ifndef PODOP_LOG_H
#define PODOP_LOG_H

#include "podop/span.h"
#include "podop/syslog_socket.h"

#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };
enum log_target { LOG_TARGET_STDERR, LOG_TARGET_SYSLOG };

struct log_field;

/* Sees the events of level warning and error, even if the level of the log is lower. Must not log.
 * The fields are borrowed for the call, and may have text of peers. */
struct log_observer {
    void (*see)(void *arg, enum log_level level, const char *event, const struct log_field *fields,
                size_t count);
    void *arg;
};

struct log {
    enum log_level level; /* lines of a higher value are not written */
    enum log_format format;
    enum log_target target;
    bool has_time; /* lines begin with a time stamp; off where the journal adds its own */
    uint64_t lost; /* lines dropped and not yet reported; the writer counts its own */
    struct syslog_socket syslog;
    struct log_writer *writer; /* writes to stderr in a thread; NULL: log_write() does it itself */
    const struct log_observer *observer; /* borrowed; NULL: none */
};

enum log_kind { LOG_KIND_TEXT, LOG_KIND_NUMBER, LOG_KIND_THOUSANDTHS };

struct log_field {
    const char *name; /* NULL: the field is left out */
    struct span text; /* with LOG_KIND_TEXT */
    uint64_t number;
    enum log_kind kind;
};

#define LOG_SPAN(name, span) ((struct log_field){(name), (span), 0, LOG_KIND_TEXT})
#define LOG_STR(name, string) LOG_SPAN(name, span_of(string))
#define LOG_UINT(name, n) ((struct log_field){(name), {NULL, 0}, (n), LOG_KIND_NUMBER})
/* Takes microseconds and shows milliseconds with three decimals. */
#define LOG_MS(name, us) ((struct log_field){(name), {NULL, 0}, (us), LOG_KIND_THOUSANDTHS})
#define LOG_IF(condition, field) ((condition) ? (field) : (struct log_field){0})

/* Returns whether an event of this level is written or observed. */
static inline bool log_wants(const struct log *log, enum log_level level)
{
    return level <= log->level || (level <= LOG_LEVEL_WARNING && log->observer != NULL);
}

/* Needs at least one field. The fields are evaluated only if the event is wanted. */
#define log_at(log, at, event, ...)                                                                \
    do {                                                                                           \
        if (log_wants((log), (at))) {                                                              \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                  \
            log_event((log), (at), (event), log_fields_,                                           \
                      sizeof(log_fields_) / sizeof(log_fields_[0]));                               \
        }                                                                                          \
    } while (0)
#define log_error(log, event, ...) log_at(log, LOG_LEVEL_ERROR, event, __VA_ARGS__)
#define log_warning(log, event, ...) log_at(log, LOG_LEVEL_WARNING, event, __VA_ARGS__)
#define log_info(log, event, ...) log_at(log, LOG_LEVEL_INFO, event, __VA_ARGS__)
#define log_debug(log, event, ...) log_at(log, LOG_LEVEL_DEBUG, event, __VA_ARGS__)

void log_init(struct log *log); /* warning, text, stderr */
/* Writes all queued lines, within the limits of log_writer_free(). */
void log_deinit(struct log *log);
/* Starts a thread that writes to stderr. Without a thread, log_write() goes on writing itself. */
void log_start_writer(struct log *log);
/* Connects to the system logger if target is syslog, so it is called before privileges are
 * dropped. */
void log_configure(struct log *log, enum log_level level, enum log_format format,
                   enum log_target target);

/* Has the event observed, and written if its level is. */
void log_event(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count);
/* Never blocks. A line that cannot be written or queued is dropped and counted, and a later line
 * reports the count. With a writer, the queue of log_queue.h sets the limit; without one, the
 * reader of stderr does. Lines for syslog go to stderr while there is no system logger. */
void log_write(struct log *log, enum log_level level, const char *event,
               const struct log_field *fields, size_t count);

struct buf;
/* Appends the line to out without time stamp and line feed. Fields that do not fit are left out. */
void log_format_line(struct buf *out, enum log_format format, enum log_level level,
                     const char *event, const struct log_field *fields, size_t count);

#endif
