/* top_backends.c - the list of backends, those that fail first. */
#include "top_tables.h"
#include "top_text.h"

#include "podop/mem.h"

enum {
    TABLE_COLUMNS_MAX = 20,
    BACKEND_COLUMNS_MAX = 60,
    NUMBERS_COLUMNS = 50, /* all columns of numbers, each with a blank before it */
    REASON_COLUMNS_MIN = 10,
};

struct row {
    const struct top_backend *backend;
    const struct top_backend_rates *rates;
    double seconds;
};

struct layout {
    size_t table, backend;
    bool has_numbers, has_reason;
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

/* Cuts the names of tables first, then the URLs. */
static struct layout lay_out(size_t width, const struct top_sample *s)
{
    struct layout l = {.table = sizeof("TABLE") - 1, .backend = sizeof("BACKEND") - 1};
    size_t numbers, left;

    for (size_t i = 0; i < s->backend_count; i++) {
        l.table = larger(l.table, columns_of(s->backends[i].table, TABLE_COLUMNS_MAX));
        l.backend = larger(l.backend, columns_of(s->backends[i].name, BACKEND_COLUMNS_MAX));
    }
    l.has_numbers = width >= NUMBERS_COLUMNS + 20;
    numbers = l.has_numbers ? NUMBERS_COLUMNS : 0;
    left = width - numbers;
    if (l.table + 1 + l.backend > left && l.table > left / 3)
        l.table = larger(left / 3, left > l.backend + 1 ? left - l.backend - 1 : 0);
    if (l.table + 1 + l.backend > left)
        l.backend = left > l.table + 1 ? left - l.table - 1 : 0;
    l.has_reason = l.has_numbers && left >= l.table + 1 + l.backend + 1 + REASON_COLUMNS_MIN;
    return l;
}

static void add_cell(struct top_page *page, const char *text, size_t columns, bool is_left)
{
    top_page_add(page, SPAN(" "));
    top_page_cell(page, span_of(text), columns, is_left);
}

static void draw_titles(const struct layout *l, struct top_page *page)
{
    top_page_begin(page, TOP_TITLE);
    top_page_cell(page, SPAN("TABLE"), l->table, true);
    add_cell(page, "BACKEND", l->backend, true);
    if (!l->has_numbers)
        return;
    add_cell(page, "STATE", 9, true);
    add_cell(page, "SINCE", 5, false);
    add_cell(page, "REQS/S", 6, false);
    add_cell(page, "FAILS/S", 7, false);
    add_cell(page, "FLIGHT", 6, false);
    add_cell(page, "WAIT", 4, false);
    add_cell(page, "FAILED", 6, false);
    if (l->has_reason)
        add_cell(page, "LAST REASON", page->width, true);
}

static void draw_rate(uint64_t count, const struct row *row, size_t columns, struct top_page *page)
{
    char text[TOP_NUMBER_BYTES] = "-";

    if (row->rates->is_known && row->backend->has_requests)
        top_text_rate((double)count / row->seconds, text);
    add_cell(page, text, columns, false);
}

static void draw_age(bool is_known, uint64_t ms, size_t columns, struct top_page *page)
{
    char text[TOP_NUMBER_BYTES] = "-";

    if (is_known)
        top_text_age(ms, text);
    add_cell(page, text, columns, false);
}

static void draw_count(uint64_t count, size_t columns, struct top_page *page)
{
    char text[TOP_NUMBER_BYTES];

    top_text_count(count, text);
    add_cell(page, text, columns, false);
}

static void draw_row(const struct row *row, const struct layout *l, struct top_page *page)
{
    const struct top_backend *b = row->backend;

    top_page_begin(page, b->state <= TOP_FAILING ? TOP_BAD : TOP_PLAIN);
    top_page_cell(page, span_of(b->table), l->table, true);
    add_cell(page, b->name, l->backend, true);
    if (!l->has_numbers)
        return;
    add_cell(page, name_of(b->state), 9, true);
    draw_age(b->state == TOP_SUSPENDED, b->since_ms, 5, page);
    draw_rate(row->rates->requests, row, 6, page);
    draw_rate(row->rates->failures, row, 7, page);
    draw_count(b->in_flight, 6, page);
    draw_count(b->waiting, 4, page);
    draw_age(b->has_failed, b->failed_ms, 6, page);
    if (l->has_reason)
        add_cell(page, b->reason, page->width, true);
}

void top_backends_draw(const struct top_view *view, const struct top_sample *s,
                       const struct top_rates *rates, size_t lines, struct top_page *page)
{
    size_t room = lines == 0 ? 0 : lines - 1, end;
    struct layout layout;
    struct row *rows;

    if (lines == 0 || s->backend_count == 0)
        return;
    layout = lay_out(view->width, s);
    draw_titles(&layout, page);
    rows = sort_rows(s, rates);
    if (room < s->backend_count && room > 0)
        room--;
    end = s->backend_count < room ? s->backend_count : room;
    for (size_t i = 0; i < end; i++)
        draw_row(&rows[i], &layout, page);
    if (end < s->backend_count && lines > 1) {
        top_page_begin(page, TOP_PLAIN);
        top_page_format(page, "... and %zu more", s->backend_count - end);
    }
    free(rows);
}
