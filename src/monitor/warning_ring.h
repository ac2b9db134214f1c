/* warning_ring.h - the last warnings and errors, for people who look after them later. Of each
 * event only fields are kept that are numbers, or whose text is from the configuration: no key,
 * value, secret or text of a peer. Plain memory of a fixed size. */
#ifndef PODOP_MONITOR_WARNING_RING_H
#define PODOP_MONITOR_WARNING_RING_H

#include "podop/buf.h"
#include "podop/log.h"

enum {
    WARNING_RING_SIZE = 100,
    WARNING_TEXTS_MAX = 2,
    WARNING_NUMBERS_MAX = 2,
    WARNING_TEXT_BYTES = 200, /* a longer text is cut */
};

/* An event of which fields are shown, by their names; NULL after the last one. */
struct warning_kind {
    const char *event;
    const char *texts[WARNING_TEXTS_MAX], *numbers[WARNING_NUMBERS_MAX];
};

struct warning {
    uint64_t at_ms; /* monotonic clock */
    enum log_level level;
    const struct warning_kind *kind;
    char texts[WARNING_TEXTS_MAX][WARNING_TEXT_BYTES]; /* "": the event had none */
    uint64_t numbers[WARNING_NUMBERS_MAX];
    bool has_number[WARNING_NUMBERS_MAX];
};

/* Zeroed: empty. */
struct warning_ring {
    struct warning items[WARNING_RING_SIZE];
    uint64_t seen; /* all so far; the last of them are in items */
};

/* Keeps what may be shown of an event, if it is an event to be shown at all. */
void warning_ring_add(struct warning_ring *ring, uint64_t now_ms, enum log_level level,
                      const char *event, const struct log_field *fields, size_t count);

size_t warning_ring_count(const struct warning_ring *ring);
/* Returns the warning that is i places after the oldest one. Borrowed. */
const struct warning *warning_ring_at(const struct warning_ring *ring, size_t i);

#endif
