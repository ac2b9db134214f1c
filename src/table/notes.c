#include "notes.h"

#include "podop/json_object.h"
#include "podop/json_value.h"

#include <stdio.h>

enum {
    NOTE_BYTES_MAX = 2048, /* of a note that is formatted */
    CUT_BYTES_MAX = 40,    /* of the "... (N bytes)" after a text that was cut */
};

void notes_add(struct buf *notes, const char *name, struct span text)
{
    struct buf pair;

    if (notes == NULL)
        return;
    buf_init(&pair, notes->max - notes->len);
    if (notes->len > 0)
        buf_add_char(&pair, ',');
    buf_add_char(&pair, '[');
    json_add_string(&pair, span_of(name));
    buf_add_char(&pair, ',');
    json_add_bytes(&pair, text);
    buf_add_char(&pair, ']');
    if (pair.ptr != NULL && !pair.is_over)
        buf_add(notes, buf_span(&pair));
    buf_deinit(&pair);
}

void notes_add_cut(struct buf *notes, const char *name, struct span text, size_t max)
{
    struct buf cut;

    if (notes == NULL || text.len <= max) {
        notes_add(notes, name, text);
        return;
    }
    buf_init(&cut, max + CUT_BYTES_MAX);
    buf_add(&cut, (struct span){text.ptr, max});
    buf_add(&cut, SPAN("... ("));
    buf_add_uint(&cut, text.len);
    buf_add(&cut, SPAN(" bytes)"));
    notes_add(notes, name, buf_span(&cut));
    buf_deinit(&cut);
}

void notes_vformat(struct buf *notes, const char *name, const char *format, va_list args)
{
    char text[NOTE_BYTES_MAX];

    if (notes == NULL)
        return;
    vsnprintf(text, sizeof(text), format, args);
    notes_add(notes, name, span_of(text));
}

void notes_format(struct buf *notes, const char *name, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    notes_vformat(notes, name, format, args);
    va_end(args);
}
