#include "status_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define THIN_SPACE "\xe2\x80\xaf"  /* U+202F, which breaks no line */
#define NO_BREAK "\xc2\xa0"        /* U+00A0 */
#define DASH "\xe2\x80\x93"        /* U+2013: there is nothing to show */
#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD: for a byte that is not UTF-8 */

static const uint64_t minute_s = 60, hour_s = 3600, day_s = 86400;

static void __attribute__((format(printf, 2, 3))) add(struct buf *out, const char *format, ...)
{
    char text[100];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    buf_add(out, span_of(text));
}

/* Returns how a character of HTML is written that is not written as it is; else nothing. */
static struct span escape_of(char c)
{
    switch (c) {
    case '&': return SPAN("&amp;");
    case '<': return SPAN("&lt;");
    case '>': return SPAN("&gt;");
    case '"': return SPAN("&quot;");
    case '\'': return SPAN("&#39;");
    default: return SPAN("");
    }
}

void status_add_text(struct buf *out, struct span text)
{
    while (text.len > 0) {
        const size_t len = span_utf8_char(text);
        const struct span escape = len == 0 ? SPAN(REPLACEMENT) : escape_of(text.ptr[0]);

        buf_add(out, escape.len > 0 ? escape : (struct span){text.ptr, len});
        text = span_skip(text, len == 0 ? 1 : len);
    }
}

void status_add_count(struct buf *out, uint64_t n)
{
    if (n < 1000)
        add(out, "%" PRIu64, n);
    else if (n < 1000000)
        add(out, "%" PRIu64 THIN_SPACE "%03" PRIu64, n / 1000, n % 1000);
    else if (n < 1000000000)
        add(out, "%.2f" NO_BREAK "M", (double)n / 1e6);
    else
        add(out, "%.2f" NO_BREAK "G", (double)n / 1e9);
}

void status_add_rate(struct buf *out, double a_second)
{
    if (a_second > 0 && a_second < 100)
        add(out, "%.1f", a_second);
    else
        status_add_count(out, (uint64_t)(a_second + 0.5));
}

void status_add_share(struct buf *out, uint64_t part, uint64_t whole)
{
    const double percent = whole == 0 ? 0 : 100.0 * (double)part / (double)whole;

    if (whole == 0)
        add(out, DASH);
    else if (part > 0 && percent < 0.1)
        add(out, "&lt;" NO_BREAK "0.1" NO_BREAK "%%");
    else if (part < whole && percent > 99.9)
        add(out, "&gt;" NO_BREAK "99.9" NO_BREAK "%%");
    else
        add(out, "%.*f" NO_BREAK "%%", part > 0 && percent < 10 ? 1 : 0, percent);
}

void status_add_took(struct buf *out, int64_t us)
{
    if (us < 0)
        add(out, DASH);
    else if (us <= 100)
        add(out, "\xe2\x89\xa4" NO_BREAK "0.1" NO_BREAK "ms"); /* U+2264: at most */
    else if (us < 1000000)
        add(out, "%.*f" NO_BREAK "ms", us < 10000 ? 1 : 0, (double)us / 1e3);
    else
        add(out, "%.1f" NO_BREAK "s", (double)us / 1e6);
}

void status_add_lasted(struct buf *out, uint64_t seconds)
{
    if (seconds < minute_s)
        add(out, "%" PRIu64 NO_BREAK "s", seconds);
    else if (seconds < hour_s)
        add(out, "%" PRIu64 NO_BREAK "min", seconds / minute_s);
    else if (seconds < 2 * day_s)
        add(out, "%" PRIu64 NO_BREAK "h" NO_BREAK "%" PRIu64 NO_BREAK "min", seconds / hour_s,
            seconds % hour_s / minute_s);
    else
        add(out, "%" PRIu64 NO_BREAK "days", seconds / day_s);
}

void status_add_bytes(struct buf *out, uint64_t bytes)
{
    if (bytes < 1000000)
        add(out, "%.0f" NO_BREAK "kB", (double)bytes / 1e3);
    else if (bytes < 1000000000)
        add(out, "%.0f" NO_BREAK "MB", (double)bytes / 1e6);
    else
        add(out, "%.1f" NO_BREAK "GB", (double)bytes / 1e9);
}

void status_add_time(struct buf *out, time_t at)
{
    struct tm utc;
    char date[64], text[64];

    gmtime_r(&at, &utc);
    strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &utc);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &utc);
    add(out, "<time datetime=\"%s\">%s</time>", date, text);
}
