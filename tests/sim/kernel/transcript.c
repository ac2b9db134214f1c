#include "transcript.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINES = 4096, LINE_BYTES = 400, BYTES_SHOWN = 120 };

static char lines[LINES][LINE_BYTES]; /* a ring */
static size_t line_count;
static bool is_kept, is_at_once;
static uint64_t hash = UINT64_C(0xcbf29ce484222325);

static void add_word(uint64_t word)
{
    hash = (hash ^ word) * UINT64_C(0x9fb21c651e98df25);
    hash ^= hash >> 32;
}

static void add_bytes(const void *bytes, size_t len)
{
    const char *at = bytes;
    uint64_t word;

    for (; len >= sizeof(word); len -= sizeof(word), at += sizeof(word)) {
        memcpy(&word, at, sizeof(word));
        add_word(word);
    }
    word = len;
    memcpy((char *)&word + 1, at, len < sizeof(word) ? len : 0);
    add_word(word);
}

uint64_t sim_transcript_hash(void)
{
    return hash;
}

void sim_trace_keep(bool is_on)
{
    is_kept = is_on;
}

void sim_trace_at_once(bool is_on)
{
    is_at_once = is_on;
}

static bool is_text_made(void)
{
    return is_kept || is_at_once;
}

static __attribute__((format(printf, 1, 0))) void keep(const char *format, va_list args)
{
    char *line = lines[line_count++ % LINES];
    const int64_t now_ns = sim_now();
    const int len = snprintf(line, LINE_BYTES, "%" PRId64 ".%06" PRId64 " ", now_ns / 1000000000,
                             now_ns / 1000 % 1000000);

    vsnprintf(line + len, LINE_BYTES - (size_t)len, format, args);
    if (is_at_once)
        fprintf(stderr, "%s\n", line);
}

void sim_trace(const char *format, ...)
{
    va_list args;

    if (!is_text_made())
        return;
    va_start(args, format);
    keep(format, args);
    va_end(args);
}

void sim_trace_bytes(const char *what, const void *bytes, size_t len)
{
    const unsigned char *at = bytes;
    char text[4 * BYTES_SHOWN + 4];
    size_t used = 0;

    add_bytes(bytes, len);
    if (!is_text_made())
        return;
    for (size_t i = 0; i < len && i < BYTES_SHOWN; i++) {
        if (at[i] >= ' ' && at[i] < 0x7f && at[i] != '\\')
            text[used++] = (char)at[i];
        else
            used += (size_t)snprintf(text + used, 5, "\\x%02x", (unsigned)at[i]);
    }
    text[used] = '\0';
    sim_trace("%s %zu bytes: %s%s", what, len, text, len > BYTES_SHOWN ? "..." : "");
}

void transcript_note(const char *who, const char *what, int64_t number)
{
    add_word((uint64_t)sim_now());
    add_word((uint64_t)number);
    add_word((unsigned char)*what);
    if (is_text_made())
        sim_trace("%s %s %" PRId64, who, what, number);
}

void transcript_bytes(const char *who, const char *what, const void *bytes, size_t len)
{
    char text[100];

    add_word((uint64_t)sim_now());
    if (is_text_made())
        snprintf(text, sizeof(text), "%s %s", who, what);
    else
        text[0] = '\0';
    sim_trace_bytes(text, bytes, len);
}

void sim_trace_print(void)
{
    const size_t first = line_count > LINES ? line_count - LINES : 0;

    for (size_t i = first; i < line_count && !is_at_once; i++)
        fprintf(stderr, "%s\n", lines[i % LINES]);
}

void sim_broken(const char *kind, const char *format, ...)
{
    va_list args;

    sim_trace_print();
    fprintf(stderr, "broken: %s: ", kind);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nseed %" PRIu64 ", at %" PRId64 " ns\n", sim_seed(), sim_now());
    fflush(NULL);
    _exit(1);
}
