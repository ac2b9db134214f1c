#include "warning_ring.h"

#include "shown_text.h"

#include "podop/mem.h"

#include <string.h>

/* All events of level warning and error. The text of a field is from the configuration, or the
 * field is not here. The event "counters" is none of them: SIGUSR1 asks for it. */
static const struct warning_kind kinds[] = {
    {"accept_paused", {"socket"}, {0}},
    {"backend_denied", {"table"}, {"http_status", "count"}},
    {"backend_doubtful_miss", {"table"}, {"http_status", "count"}},
    {"backend_failed", {"table", "backend"}, {0}},
    {"backend_recovered", {"table", "backend"}, {"seconds", "failed"}},
    {"backend_still_fails", {"table", "backend"}, {"seconds", "failed"}},
    {"client_not_allowed", {"socket"}, {"count"}},
    {"client_not_reading", {"socket"}, {"unread_bytes", "count"}},
    {"config_warning", {"reason"}, {0}},
    {"credentials_kept", {"table"}, {0}},
    {"descriptors_unused", {0}, {0}},
    {"json_kept", {"table"}, {0}},
    {"log_lines_lost", {0}, {"lines"}},
    {"long_request", {"proto", "socket"}, {"count"}},
    {"name_failed", {"name"}, {"addresses_kept"}},
    {"name_recovered", {"name"}, {"seconds"}},
    {"reload_failed", {0}, {0}},
    {"row_dropped", {"table"}, {"count"}},
    {"secret_exposed", {"table"}, {0}},
    {"stop_cut_short", {0}, {"ms"}},
    {"unknown_table", {"proto", "socket"}, {"count"}},
    {"watch_limited", {0}, {"seconds"}},
    {"write_lost", {"table"}, {"writes"}},
};

static const struct warning_kind *find_kind(const char *event)
{
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].event, event) == 0)
            return &kinds[i];
    }
    return NULL;
}

static void keep(struct warning *w, const struct log_field *field)
{
    for (size_t i = 0; i < WARNING_TEXTS_MAX && w->kind->texts[i] != NULL; i++) {
        if (field->kind == LOG_KIND_TEXT && strcmp(w->kind->texts[i], field->name) == 0)
            shown_text_print(field->text, w->texts[i], WARNING_TEXT_BYTES);
    }
    for (size_t i = 0; i < WARNING_NUMBERS_MAX && w->kind->numbers[i] != NULL; i++) {
        if (field->kind != LOG_KIND_NUMBER || strcmp(w->kind->numbers[i], field->name) != 0)
            continue;
        w->numbers[i] = field->number;
        w->has_number[i] = true;
    }
}

void warning_ring_add(struct warning_ring *ring, uint64_t now_ms, enum log_level level,
                      const char *event, const struct log_field *fields, size_t count)
{
    const struct warning_kind *kind = find_kind(event);
    struct warning *w;

    if (kind == NULL)
        return;
    w = &ring->items[ring->seen++ % WARNING_RING_SIZE];
    *w = (struct warning){.at_ms = now_ms, .level = level, .kind = kind};
    for (size_t i = 0; i < count; i++) {
        if (fields[i].name != NULL)
            keep(w, &fields[i]);
    }
}

size_t warning_ring_count(const struct warning_ring *ring)
{
    return ring->seen < WARNING_RING_SIZE ? (size_t)ring->seen : WARNING_RING_SIZE;
}

const struct warning *warning_ring_at(const struct warning_ring *ring, size_t i)
{
    return &ring->items[(ring->seen - warning_ring_count(ring) + i) % WARNING_RING_SIZE];
}
