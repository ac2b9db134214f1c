#include "accept.h"

#include <string.h>
#include <strings.h>

enum { QUALITY_MAX = 1000, FIT_EXACT = 3 };

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static struct span trim(struct span s)
{
    while (s.len > 0 && is_blank(s.ptr[0]))
        s = span_skip(s, 1);
    while (s.len > 0 && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

/* Takes the part of *rest up to the next separator, outside of quotes, off its front. */
static struct span take_part(struct span *rest, char separator)
{
    struct span part = *rest;
    bool is_quoted = false;
    size_t i = 0;

    for (; i < rest->len && (is_quoted || rest->ptr[i] != separator); i++) {
        if (rest->ptr[i] == '"')
            is_quoted = !is_quoted;
        else if (rest->ptr[i] == '\\' && is_quoted && i + 1 < rest->len)
            i++;
    }
    part.len = i;
    *rest = span_skip(*rest, i < rest->len ? i + 1 : i);
    return trim(part);
}

static bool is_same(struct span a, struct span b)
{
    return a.len == b.len && strncasecmp(a.ptr, b.ptr, a.len) == 0;
}

static struct span unquote(struct span s)
{
    if (s.len >= 2 && s.ptr[0] == '"' && s.ptr[s.len - 1] == '"')
        return (struct span){s.ptr + 1, s.len - 2};
    return s;
}

/* Reads "0.75" as 750. What is not a quality is 1000, as if it were not there. */
static unsigned read_quality(struct span text)
{
    unsigned value = 0, unit = QUALITY_MAX;

    for (size_t i = 0; i < text.len; i++) {
        if (i == 1 && text.ptr[i] == '.')
            continue;
        if (text.ptr[i] < '0' || text.ptr[i] > '9' || i > 4)
            return QUALITY_MAX;
        value += (unsigned)(text.ptr[i] - '0') * unit;
        unit /= 10;
    }
    return text.len == 0 || value > QUALITY_MAX ? QUALITY_MAX : value;
}

/* Returns how well the range fits: 3 the type itself, 2 its main type, 1 everything, 0 not. */
static unsigned fit_of(struct span range, struct span type)
{
    const char *slash = memchr(type.ptr, '/', type.len);
    const size_t main_len = slash == NULL ? type.len : (size_t)(slash - type.ptr) + 1;

    if (is_same(range, type))
        return FIT_EXACT;
    if (is_same(range, SPAN("*/*")))
        return 1;
    return range.len == main_len + 1 && range.ptr[main_len] == '*' &&
                   strncasecmp(range.ptr, type.ptr, main_len) == 0
               ? 2
               : 0;
}

/* Reads the parameters of a range. Returns false when its version is another one. */
static bool read_parameters(struct span rest, struct span version, unsigned *quality)
{
    bool is_wanted = true;

    while (rest.len > 0) {
        struct span value = take_part(&rest, ';');
        const struct span name = take_part(&value, '=');

        value = unquote(trim(value));
        if (is_same(name, SPAN("q")))
            *quality = read_quality(value);
        else if (is_same(name, SPAN("version")) && version.len > 0)
            is_wanted = is_same(value, version);
    }
    return is_wanted;
}

struct accept_quality accept_quality(const char *header, struct span type, struct span version)
{
    struct span rest = header == NULL ? SPAN("*/*") : span_of(header);
    unsigned best_fit = 0, best = 0;

    while (rest.len > 0) {
        struct span range = take_part(&rest, ',');
        const unsigned fit = fit_of(take_part(&range, ';'), type);
        unsigned quality = QUALITY_MAX;

        if (fit == 0 || !read_parameters(range, version, &quality))
            continue;
        if (fit > best_fit || (fit == best_fit && quality > best)) {
            best_fit = fit;
            best = quality;
        }
    }
    return (struct accept_quality){best, best_fit == FIT_EXACT};
}
