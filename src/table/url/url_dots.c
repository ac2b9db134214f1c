#include "url_dots.h"

enum { OTHER = 3 }; /* more dots than a dot segment has */

static void end_segment(struct url_dots *d)
{
    d->has_found |= d->dots == 1 || d->dots == 2;
    d->dots = 0;
}

/* Takes a byte of the path, decoded. */
static void take(struct url_dots *d, char c)
{
    if (c == '/')
        end_segment(d);
    else if (c != '.')
        d->dots = OTHER;
    else if (d->dots < OTHER)
        d->dots++;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

/* Takes a digit of an escape that the template has begun. It may come from a key. */
static void take_digit(struct url_dots *d, char c)
{
    if (--d->escaped == 1)
        d->digit = c;
    else if (d->digit == '2' && (c == 'e' || c == 'E'))
        take(d, '.');
    else if (d->digit == '2' && (c == 'f' || c == 'F'))
        take(d, '/');
    else
        take(d, '%');
}

/* Ends an escape that is not complete. */
static void end_escape(struct url_dots *d)
{
    if (d->escaped > 0)
        take(d, '%');
    d->escaped = 0;
}

/* Returns whether c was a digit of an escape. */
static bool takes_digit(struct url_dots *d, char c)
{
    if (d->escaped == 0 || !is_hex(c)) {
        end_escape(d);
        return false;
    }
    take_digit(d, c);
    return true;
}

void url_dots_add_text(struct url_dots *d, struct span text)
{
    for (size_t i = 0; i < text.len && !d->is_at_query; i++) {
        const char c = text.ptr[i];

        if (takes_digit(d, c))
            continue;
        if (c == '%')
            d->escaped = 2;
        else if (c == '?')
            d->is_at_query = true;
        else
            take(d, c);
    }
}

/* Skips the bytes that do not matter after another one than a dot, which are most. */
static struct span skip_others(struct span bytes)
{
    const char *slash = bytes.len == 0 ? NULL : memchr(bytes.ptr, '/', bytes.len);

    return span_skip(bytes, slash == NULL ? bytes.len : (size_t)(slash - bytes.ptr));
}

void url_dots_add_key(struct url_dots *d, struct span encoded)
{
    while (encoded.len > 0 && !d->is_at_query) {
        if (!takes_digit(d, *encoded.ptr))
            take(d, *encoded.ptr);
        encoded = span_skip(encoded, 1);
        if (d->escaped == 0 && d->dots == OTHER)
            encoded = skip_others(encoded);
    }
}

bool url_dots_end(struct url_dots *d)
{
    end_escape(d);
    end_segment(d);
    return d->has_found;
}
