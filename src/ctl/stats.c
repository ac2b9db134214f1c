/* stats.c - the counters: podop's own as lines, those of tables and backends as columns. */
#include "command.h"
#include "control.h"

#include "podop/json_value.h"

#include <inttypes.h>
#include <stdio.h>

struct column {
    const char *title, *pointer;
};

static const struct column process_lines[] = {
    {"version", "/version"},
    {"pid", "/pid"},
    {"uptime", "/uptime_s"},
    {"memory", "/rss_bytes"},
    {"connections", "/connections"},
    {"clients", "/clients"},
    {"requests", "/requests"},
    {"reloads", "/reloads/done"},
    {"reloads failed", "/reloads/failed"},
    {"longest turn us", "/loop/longest_us"},
    {"time lost ms", "/loop/lost_ms"},
    {NULL, NULL},
};

static const struct column table_columns[] = {
    {"TABLE", "/table"},
    {"LOOKUPS", "/lookups"},
    {"FOUND", "/answers/found"},
    {"MISS", "/answers/miss"},
    {"TEMPORARY", "/answers/temporary"},
    {"TIMEOUT", "/answers/timeout"},
    {"PERMANENT", "/answers/permanent"},
    {"FRESH", "/cache/fresh"},
    {"STALE", "/cache/stale"},
    {"ABSENT", "/cache/absent"},
    {"ENTRIES", "/cache/entries"},
    {"JOINED", "/joined"},
    {"FETCHES", "/fetches"},
    {"WRITTEN", "/commits/found"},
    {"PENDING", "/pending/writes"},
    {"LOST", "/pending/lost"},
    {"ITERATED", "/iterations"},
    {NULL, NULL},
};

static const struct column backend_columns[] = {
    {"BACKEND", "/url"},
    {"REQUESTS", "/requests"},
    {"FAILURES", "/failures"},
    {"IN A ROW", "/failures_in_row"},
    {"LEFT ALONE MS", "/left_alone_ms"},
    {NULL, NULL},
};

static const struct column pool_columns[] = {
    {"POOL", "/host"},
    {"IN FLIGHT", "/in_flight"},
    {"WAITING", "/waiting"},
    {NULL, NULL},
};

static const struct column turn_columns[] = {
    {"TURNS OF MS AT MOST", "/ms_at_most"},
    {"COUNT", "/count"},
    {NULL, NULL},
};

enum { NAME_WIDTH = 24 };

/* Text as it is, a number as its digits, "-" where there is none. */
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

static void print_row(struct span object, const struct column *columns)
{
    struct buf cell, line;

    buf_init(&cell, SIZE_MAX);
    buf_init(&line, SIZE_MAX);
    for (const struct column *c = columns; c->title != NULL; c++) {
        size_t width = c == columns ? NAME_WIDTH : strlen(c->title);

        cell_of(object, c->pointer, &cell);
        if (c == columns)
            output_add_escaped(&line, buf_span(&cell));
        for (size_t i = cell.len; i < width; i++)
            buf_add_char(&line, ' ');
        if (c != columns)
            buf_add(&line, buf_span(&cell));
        buf_add(&line, c[1].title == NULL ? SPAN("\n") : SPAN("  "));
    }
    fwrite(line.ptr, 1, line.len, stdout);
    buf_deinit(&cell);
    buf_deinit(&line);
}

static void print_titles(const struct column *columns)
{
    printf("\n%-*s", NAME_WIDTH, columns->title);
    for (const struct column *c = columns + 1; c->title != NULL; c++)
        printf("  %s", c->title);
    printf("\n");
}

/* The rows of an array; the titles stand before the first, unless they do already. */
static void print_array(struct span object, const char *pointer, const struct column *columns,
                        bool *has_titles)
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
        print_row(item, columns);
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
        print_array(table, "/backends", backend_columns, &has_titles);
}

static void print_stats(struct span object)
{
    bool has_tables = false, has_pool = false, has_turns = false;
    struct buf text;

    buf_init(&text, SIZE_MAX);
    for (const struct column *c = process_lines; c->title != NULL; c++) {
        cell_of(object, c->pointer, &text);
        printf("%-16s%.*s\n", c->title, (int)text.len, text.ptr);
    }
    buf_deinit(&text);
    print_array(object, "/tables", table_columns, &has_tables);
    print_backends(object);
    print_array(object, "/pool", pool_columns, &has_pool);
    print_array(object, "/loop/turns", turn_columns, &has_turns);
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
