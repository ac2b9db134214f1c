/* stats.c - the command stats, which prints the counters of the process as lines, and those of
 * tables and backends as columns. */
#include "channel.h"
#include "command.h"
#include "control.h"

#include "podop/json_value.h"

#include <inttypes.h>
#include <stdio.h>

enum { NAME_WIDTH = 24 };

struct column {
    const char *title, *pointer;
    bool is_text; /* aligned to the left; else to the right */
    size_t width; /* 0: the width of the title */
};

#define TEXT(title, pointer) {title, pointer, true, NAME_WIDTH}
#define NUMBER(title, pointer) {title, pointer, false, 0}
#define COLUMNS_END {NULL, NULL, false, 0}

static const struct column process_lines[] = {
    NUMBER("version", "/version"),
    NUMBER("pid", "/pid"),
    NUMBER("uptime", "/uptime_s"),
    NUMBER("memory", "/rss_bytes"),
    NUMBER("connections", "/connections"),
    NUMBER("clients", "/clients"),
    NUMBER("requests", "/requests"),
    NUMBER("reloads", "/reloads/done"),
    NUMBER("reloads failed", "/reloads/failed"),
    NUMBER("longest turn us", "/loop/longest_us"),
    NUMBER("time lost ms", "/loop/lost_ms"),
    COLUMNS_END,
};

static const struct column table_columns[] = {
    TEXT("TABLE", "/table"),
    NUMBER("LOOKUPS", "/lookups"),
    NUMBER("FOUND", "/answers/found"),
    NUMBER("MISS", "/answers/miss"),
    NUMBER("TEMPORARY", "/answers/temporary"),
    NUMBER("TIMEOUT", "/answers/timeout"),
    NUMBER("PERMANENT", "/answers/permanent"),
    NUMBER("FRESH", "/cache/fresh"),
    NUMBER("STALE", "/cache/stale"),
    NUMBER("ABSENT", "/cache/absent"),
    NUMBER("ENTRIES", "/cache/entries"),
    NUMBER("JOINED", "/joined"),
    NUMBER("FETCHES", "/fetches"),
    NUMBER("WRITTEN", "/commits/found"),
    NUMBER("PENDING", "/pending/writes"),
    NUMBER("LOST", "/pending/lost"),
    NUMBER("ITERATED", "/iterations"),
    COLUMNS_END,
};

/* The first column comes from the table, the others from each of its backends. */
static const struct column backend_columns[] = {
    TEXT("TABLE", "/table"),
    TEXT("BACKEND", "/url"),
    NUMBER("REQUESTS", "/requests"),
    NUMBER("FAILURES", "/failures"),
    NUMBER("IN A ROW", "/failures_in_row"),
    NUMBER("COUNTED", "/counted"),
    NUMBER("SUSPENDED MS", "/left_alone_ms"),
    NUMBER("SINCE MS", "/since_ms"),
    {"CAUSE", "/cause", false, sizeof("unanswered") - 1},
    NUMBER("FAILED MS AGO", "/failed_ms"),
    {"REASON", "/reason", true, 0},
    COLUMNS_END,
};

static const struct column pool_columns[] = {
    TEXT("POOL", "/host"),
    NUMBER("IN FLIGHT", "/in_flight"),
    NUMBER("WAITING", "/waiting"),
    COLUMNS_END,
};

static const struct column turn_columns[] = {
    NUMBER("TURNS OF MS AT MOST", "/ms_at_most"),
    NUMBER("COUNT", "/count"),
    COLUMNS_END,
};

/* Fills cell with the decoded string or the number at pointer, or with "-" if there is none. */
static void cell_of(struct span object, const char *pointer, struct buf *cell)
{
    buf_clear(cell);
    if (control_text(object, pointer, cell))
        return;
    if (json_select(&object, span_of(pointer)) && json_kind(object) == JSON_SCALAR)
        buf_add(cell, object);
    else
        buf_add_char(cell, '-');
}

static size_t width_of(const struct column *c)
{
    return c->width == 0 ? strlen(c->title) : c->width;
}

static void add_blanks(struct buf *line, size_t len, const struct column *c)
{
    for (size_t i = len; i < width_of(c); i++)
        buf_add_char(line, ' ');
}

static void add_cell(struct buf *line, const struct column *c, struct span cell)
{
    if (!c->is_text)
        add_blanks(line, cell.len, c);
    output_add_escaped(line, cell);
    if (c->is_text && c[1].title != NULL)
        add_blanks(line, cell.len, c);
    buf_add(line, c[1].title == NULL ? SPAN("\n") : SPAN("  "));
}

/* Prints a row: the first cell comes from the object first, the others from object. */
static void print_row(struct span first, struct span object, const struct column *columns)
{
    struct buf cell, line;

    buf_init(&cell, CHANNEL_REPLY_BYTES_MAX);
    buf_init(&line, BUF_LIMITED_BY_INPUT);
    for (const struct column *c = columns; c->title != NULL; c++) {
        cell_of(c == columns ? first : object, c->pointer, &cell);
        add_cell(&line, c, buf_span(&cell));
    }
    fwrite(line.ptr, 1, line.len, stdout);
    buf_deinit(&cell);
    buf_deinit(&line);
}

static void print_titles(const struct column *columns)
{
    struct buf line;

    buf_init(&line, BUF_LIMITED_BY_INPUT);
    buf_add_char(&line, '\n');
    for (const struct column *c = columns; c->title != NULL; c++)
        add_cell(&line, c, span_of(c->title));
    fwrite(line.ptr, 1, line.len, stdout);
    buf_deinit(&line);
}

/* Prints a row for each item of the array at pointer, with the titles before the first row. owner
 * is the object with the first cell of each row; NULL: the item itself. */
static void print_array(struct span object, const char *pointer, const struct column *columns,
                        const struct span *owner, bool *has_titles)
{
    struct json_cursor cursor;
    struct span ignored, item;

    if (!json_select(&object, span_of(pointer)) || json_kind(object) != JSON_ARRAY)
        return;
    cursor = json_walk(object);
    while (json_next(&cursor, &ignored, &item)) {
        if (!*has_titles)
            print_titles(columns);
        *has_titles = true;
        print_row(owner == NULL ? item : *owner, item, columns);
    }
}

static void print_backends(struct span object)
{
    bool has_titles = false;
    struct json_cursor cursor;
    struct span ignored, table;

    if (!json_select(&object, SPAN("/tables")) || json_kind(object) != JSON_ARRAY)
        return;
    cursor = json_walk(object);
    while (json_next(&cursor, &ignored, &table))
        print_array(table, "/backends", backend_columns, &table, &has_titles);
}

static void print_stats(struct span object)
{
    bool has_tables = false, has_pool = false, has_turns = false;
    struct buf text;

    buf_init(&text, CHANNEL_REPLY_BYTES_MAX);
    for (const struct column *c = process_lines; c->title != NULL; c++) {
        cell_of(object, c->pointer, &text);
        printf("%-16s%.*s\n", c->title, (int)text.len, text.ptr);
    }
    buf_deinit(&text);
    print_array(object, "/tables", table_columns, NULL, &has_tables);
    print_backends(object);
    print_array(object, "/pool", pool_columns, NULL, &has_pool);
    print_array(object, "/loop/turns", turn_columns, NULL, &has_turns);
}

enum exit_status command_stats(const struct options *o)
{
    struct error err = {0};
    enum exit_status status;
    struct buf answer;
    bool is_over;

    if (control_ask(o, "stats", NULL, NULL, &answer, &err) == -1) {
        status = output_fault(&err, EXIT_FAILED);
    } else {
        status = control_begin_output(o, &answer, &is_over);
        if (!is_over)
            print_stats(buf_span(&answer));
    }
    buf_deinit(&answer);
    if (output_flush(&err) == -1)
        status = exit_worse(status, output_fault(&err, EXIT_FAILED));
    return status;
}
