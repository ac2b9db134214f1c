#include "explain.h"

#include "cache.h"
#include "podop/deadline.h"
#include "podop/json_object.h"
#include "podop/json_value.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum {
    NOTE_BYTES_MAX = 2048, /* of one that is formatted */
    VALUE_BYTES_MAX = 300, /* that are shown of what is remembered or held back */
};

/* A pair, ["name","text"]: names come again, once for each attempt. */
static void add_note(struct buf *notes, const char *name, struct span text)
{
    struct buf pair;

    if (notes == NULL)
        return;
    buf_init(&pair, SIZE_MAX);
    if (notes->len > 0)
        buf_add_char(&pair, ',');
    buf_add_char(&pair, '[');
    json_add_string(&pair, span_of(name));
    buf_add_char(&pair, ',');
    json_add_bytes(&pair, text);
    buf_add_char(&pair, ']');
    if (pair.len <= notes->max - notes->len)
        buf_add(notes, buf_span(&pair));
    buf_deinit(&pair);
}

__attribute__((format(printf, 3, 0))) static void format_note(struct buf *notes, const char *name,
                                                              const char *format, va_list args)
{
    char text[NOTE_BYTES_MAX];

    vsnprintf(text, sizeof(text), format, args);
    add_note(notes, name, span_of(text));
}

__attribute__((format(printf, 3, 4))) static void add_formatted(struct buf *notes, const char *name,
                                                                const char *format, ...)
{
    va_list args;

    if (notes == NULL)
        return;
    va_start(args, format);
    format_note(notes, name, format, args);
    va_end(args);
}

static void add_note_cut(struct buf *notes, const char *name, struct span text, size_t max)
{
    struct buf cut;

    if (notes == NULL || text.len <= max) {
        add_note(notes, name, text);
        return;
    }
    buf_init(&cut, SIZE_MAX);
    buf_add(&cut, (struct span){text.ptr, max});
    buf_add(&cut, SPAN("... ("));
    buf_add_uint(&cut, text.len);
    buf_add(&cut, SPAN(" bytes)"));
    add_note(notes, name, buf_span(&cut));
    buf_deinit(&cut);
}

static void explain_held(const struct change *held, struct buf *notes)
{
    if (held == NULL)
        return;
    if (held->kind == CHANGE_SET) {
        add_note(notes, "held", SPAN("a value that is not written yet answers"));
        add_note_cut(notes, "value", held->value, VALUE_BYTES_MAX);
    } else {
        add_note(notes, "held", SPAN("a removal that is not written yet answers"));
    }
}

static void explain_cache(struct table *t, struct span identity, struct buf *notes)
{
    struct cache *cache = t->memory->cache;
    enum cache_state state;
    struct reply reply;
    uint64_t left_ms = 0;

    if (cache == NULL) {
        add_note(notes, "cache", SPAN("off"));
        return;
    }
    state = cache_look(cache, identity, loop_now_ms(t->env.loop), &reply, &left_ms);
    if (state == CACHE_ABSENT) {
        add_note(notes, "cache", SPAN("absent"));
        return;
    }
    add_formatted(notes, "cache", "%s, %" PRIu64 " ms left",
                  state == CACHE_FRESH ? "fresh" : "stale", left_ms);
    if (reply.status == REPLY_FOUND)
        add_note_cut(notes, "cached", reply.dict_value, VALUE_BYTES_MAX);
    else
        add_note(notes, "cached", SPAN("a miss"));
}

void explain_known(struct table *t, const struct table_key *key, struct span identity,
                   const struct change *held, struct buf *notes)
{
    explain_held(held, notes);
    if (table_skips(t, key->key))
        add_note(notes, "skip", SPAN("a pattern matches: a miss, and nobody is asked"));
    explain_cache(t, identity, notes);
}

void fetch_note(const struct fetch *fetch, const char *name, struct span text)
{
    add_note(fetch->notes, name, text);
}

void fetch_note_cut(const struct fetch *fetch, const char *name, struct span text, size_t max)
{
    add_note_cut(fetch->notes, name, text, max);
}

void fetch_format(const struct fetch *fetch, const char *name, const char *format, ...)
{
    va_list args;

    if (fetch->notes == NULL)
        return;
    va_start(args, format);
    format_note(fetch->notes, name, format, args);
    va_end(args);
}
