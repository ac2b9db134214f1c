#include "top_text.h"

#include "podop/mem.h"

#include <inttypes.h>
#include <stdio.h>
#include <wchar.h>

enum { ESCAPED_BYTES_MAX = 16 };

/* One character as it is shown. */
struct glyph {
    size_t bytes; /* of the text */
    size_t columns;
    struct span shown; /* points into the text, or to escaped */
    char escaped[ESCAPED_BYTES_MAX];
};

static void escape_char(struct glyph *g, wchar_t c)
{
    g->columns = (size_t)snprintf(g->escaped, sizeof(g->escaped), "\\u%04x", (unsigned)c);
    g->shown = (struct span){g->escaped, g->columns};
}

static void escape_byte(struct glyph *g, char byte)
{
    g->columns = (size_t)snprintf(g->escaped, sizeof(g->escaped), "\\x%02x", (unsigned char)byte);
    g->shown = (struct span){g->escaped, g->columns};
}

/* Fills g with the first character of text, which is not empty. The locale's mbrtowc() decides what
 * a character is, because the terminal does, too. */
static void take_glyph(struct span text, struct glyph *g)
{
    mbstate_t state = {0};
    wchar_t c = 0;
    const size_t n = mbrtowc(&c, text.ptr, text.len, &state);
    int width;

    g->bytes = 1;
    if (n == 0 || n > text.len) { /* NUL, invalid or cut */
        escape_byte(g, text.ptr[0]);
        return;
    }
    g->bytes = n;
    width = wcwidth(c);
    if (width > 0) {
        g->columns = (size_t)width;
        g->shown = (struct span){text.ptr, n};
    } else if (n == 1) {
        escape_byte(g, text.ptr[0]);
    } else {
        escape_char(g, c);
    }
}

size_t top_text_add(struct buf *out, struct span text, size_t columns)
{
    size_t used = 0, mark_len = out->len, mark_used = 0;
    struct glyph g;

    for (; text.len > 0; text = span_skip(text, g.bytes)) {
        take_glyph(text, &g);
        if (used + g.columns > columns)
            break;
        buf_add(out, g.shown);
        used += g.columns;
        if (used < columns) { /* '~' fits after this character */
            mark_len = out->len;
            mark_used = used;
        }
    }
    if (text.len == 0 || columns == 0)
        return used;
    out->len = mark_len;
    buf_add_char(out, '~');
    return mark_used + 1;
}

void top_text_rate(double n, char out[TOP_NUMBER_BYTES])
{
    static const char units[] = " kMGT";
    size_t unit = 0;

    while (n >= 9999.5 && unit < sizeof(units) - 2) {
        n /= 1000;
        unit++;
    }
    if (unit > 0)
        snprintf(out, TOP_NUMBER_BYTES, n < 99.95 ? "%.1f%c" : "%.0f%c", n, units[unit]);
    else
        snprintf(out, TOP_NUMBER_BYTES,
                 n == 0 || n >= 99.95 ? "%.0f"
                 : n < 0.1            ? "<0.1"
                                      : "%.1f",
                 n);
}

void top_text_count(uint64_t n, char out[TOP_NUMBER_BYTES])
{
    if (n < 10000)
        snprintf(out, TOP_NUMBER_BYTES, "%u", (unsigned)n);
    else
        top_text_rate((double)n, out);
}

void top_text_us(uint64_t us, char out[TOP_NUMBER_BYTES])
{
    if (us < 1000)
        snprintf(out, TOP_NUMBER_BYTES, "%uus", (unsigned)us);
    else if (us < 1000000)
        snprintf(out, TOP_NUMBER_BYTES, "%.3gms", (double)us / 1000);
    else
        snprintf(out, TOP_NUMBER_BYTES, "%.3gs", (double)us / 1e6);
}

void top_text_age(uint64_t ms, char out[TOP_NUMBER_BYTES])
{
    static const struct {
        uint64_t ms;
        char unit;
    } units[] = {{86400000, 'd'}, {3600000, 'h'}, {60000, 'm'}};

    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (ms >= units[i].ms) {
            snprintf(out, TOP_NUMBER_BYTES, "%" PRIu64 "%c", ms / units[i].ms, units[i].unit);
            return;
        }
    }
    snprintf(out, TOP_NUMBER_BYTES, "%us", (unsigned)(ms / 1000));
}
