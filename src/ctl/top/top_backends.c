#include "top_backends.h"

#include "top_text.h"

#include "podop/mem.h"

#include <stdio.h>

enum {
    TABLE_COLUMNS_MIN = 8,
    TABLE_COLUMNS_MAX = 20,
    BACKEND_COLUMNS_USUAL = 21, /* http://127.0.0.1:8080 */
    BACKEND_COLUMNS_MAX = 60,
    REASON_COLUMNS_MIN = 12,
};

struct row {
    const struct top_backend *backend;
    const struct top_backend_rates *rates;
    double seconds;
};

static const char *name_of(enum top_state state)
{
    switch (state) {
    case TOP_SUSPENDED: return "suspended";
    case TOP_DOWN: return "down";
    case TOP_FAILING: return "failing";
    case TOP_UP: return "up";
    case TOP_UNUSED: return "unused";
    }
    return "";
}

static int compare_rows(const void *pa, const void *pb)
{
    const struct row *a = pa, *b = pb;

    if (a->backend->state != b->backend->state)
        return a->backend->state < b->backend->state ? -1 : 1;
    if (a->rates->failures != b->rates->failures)
        return a->rates->failures > b->rates->failures ? -1 : 1;
    if (a->rates->requests != b->rates->requests)
        return a->rates->requests > b->rates->requests ? -1 : 1;
    return a->backend < b->backend ? -1 : 1; /* as in podop.conf */
}

static struct row *sort_rows(const struct top_sample *s, const struct top_rates *rates)
{
    struct row *rows = xcalloc(s->backend_count, sizeof(rows[0]));

    for (size_t i = 0; i < s->backend_count; i++)
        rows[i] = (struct row){&s->backends[i], &rates->backends[i], rates->seconds};
    qsort(rows, s->backend_count, sizeof(rows[0]), compare_rows);
    return rows;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

static size_t columns_of(const char *text, size_t max)
{
    struct buf shown;
    size_t columns;

    buf_init(&shown, BUF_LIMITED_BY_INPUT);
    columns = top_text_add(&shown, span_of(text), max);
    buf_deinit(&shown);
    return columns;
}

static void write_state(const struct row *row, char out[TOP_NUMBER_BYTES])
{
    snprintf(out, TOP_NUMBER_BYTES, "%s", name_of(row->backend->state));
}

static void write_since(const struct row *row, char out[TOP_NUMBER_BYTES])
{
    if (row->backend->state == TOP_SUSPENDED || row->backend->state == TOP_FAILING)
        top_text_age(row->backend->since_ms, out);
}

static void write_requests(const struct row *row, char out[TOP_NUMBER_BYTES])
{
    if (row->rates->is_known && row->backend->has_requests)
        top_text_rate((double)row->rates->requests / row->seconds, out);
}

static void write_failures(const struct row *row, char out[TOP_NUMBER_BYTES])
{
    if (row->rates->is_known && row->backend->has_requests)
        top_text_rate((double)row->rates->failures / row->seconds, out);
}

static void write_in_flight(const struct row *row, char out[TOP_NUMBER_BYTES])
{
    top_text_count(row->backend->in_flight, out);
}

static void write_waiting(const struct row *row, char out[TOP_NUMBER_BYTES])
{
    if (row->backend->has_requests)
        top_text_count(row->backend->waiting, out);
}

static void write_failed(const struct row *row, char out[TOP_NUMBER_BYTES])
{
    if (row->backend->has_failed)
        top_text_age(row->backend->failed_ms, out);
}

struct column {
    const char *title;
    size_t columns;
    bool is_left;
    void (*write)(const struct row *row, char out[TOP_NUMBER_BYTES]);
};

/* Those that fit beside the two names are shown, from the first on. 80 columns have all, and more
 * have the reason of the last failure as well. */
static const struct column columns[] = {
    {"STATE", 9, true, write_state},       {"SINCE", 5, false, write_since},
    {"REQS/S", 6, false, write_requests},  {"FAILS/S", 7, false, write_failures},
    {"FLIGHT", 6, false, write_in_flight}, {"WAIT", 4, false, write_waiting},
    {"FAILED", 6, false, write_failed},
};

struct layout {
    size_t table, backend; /* the width of each name */
    size_t count;          /* of the columns that are shown */
    bool has_reason;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Gives both names what they need, and cuts those of tables first. */
static struct layout lay_out(size_t width, const struct top_sample *s)
{
    size_t table = sizeof("TABLE") - 1, backend = sizeof("BACKEND") - 1, left = width, least;
    struct layout l = {0};

    for (size_t i = 0; i < s->backend_count; i++) {
        table = larger(table, columns_of(s->backends[i].table, TABLE_COLUMNS_MAX));
        backend = larger(backend, columns_of(s->backends[i].name, BACKEND_COLUMNS_MAX));
    }
    least = smaller(table, TABLE_COLUMNS_MIN) + 1 + smaller(backend, BACKEND_COLUMNS_USUAL);
    while (l.count < ARRAY_LEN(columns) && least + 1 + columns[l.count].columns <= left) {
        left -= 1 + columns[l.count].columns;
        l.count++;
    }
    l.backend = smaller(backend, left > TABLE_COLUMNS_MIN ? left - TABLE_COLUMNS_MIN - 1 : 0);
    l.table = smaller(table, left > l.backend ? left - l.backend - 1 : 0);
    l.has_reason =
        l.count == ARRAY_LEN(columns) && left >= l.table + 1 + l.backend + 1 + REASON_COLUMNS_MIN;
    return l;
}

static void add_cell(struct top_page *page, const char *text, size_t width, bool is_left)
{
    top_page_add(page, SPAN(" "));
    top_page_cell(page, span_of(text), width, is_left);
}

static void draw_titles(const struct layout *l, struct top_page *page)
{
    top_page_begin(page, TOP_TITLE);
    top_page_cell(page, SPAN("TABLE"), l->table, true);
    add_cell(page, "BACKEND", l->backend, true);
    for (size_t i = 0; i < l->count; i++)
        add_cell(page, columns[i].title, columns[i].columns, columns[i].is_left);
    if (l->has_reason)
        add_cell(page, "LAST REASON", page->width, true);
}

static void draw_row(const struct row *row, const struct layout *l, struct top_page *page)
{
    top_page_begin(page, row->backend->state <= TOP_FAILING ? TOP_BAD : TOP_PLAIN);
    top_page_cell(page, span_of(row->backend->table), l->table, true);
    add_cell(page, row->backend->name, l->backend, true);
    for (size_t i = 0; i < l->count; i++) {
        char text[TOP_NUMBER_BYTES] = "-";

        columns[i].write(row, text);
        add_cell(page, text, columns[i].columns, columns[i].is_left);
    }
    if (l->has_reason)
        add_cell(page, row->backend->reason, page->width, true);
}

void top_backends_draw(const struct top_sample *s, const struct top_rates *rates, size_t lines,
                       struct top_page *page)
{
    size_t room = lines == 0 ? 0 : lines - 1, end;
    struct layout layout;
    struct row *rows;

    if (lines == 0 || s->backend_count == 0)
        return;
    layout = lay_out(page->width, s);
    draw_titles(&layout, page);
    rows = sort_rows(s, rates);
    if (room < s->backend_count && room > 1)
        room--;
    end = s->backend_count < room ? s->backend_count : room;
    for (size_t i = 0; i < end; i++)
        draw_row(&rows[i], &layout, page);
    if (end < s->backend_count && lines > 2) {
        top_page_begin(page, TOP_PLAIN);
        top_page_format(page, "... and %zu more", s->backend_count - end);
    }
    free(rows);
}
