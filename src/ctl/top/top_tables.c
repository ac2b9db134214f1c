#include "top_tables.h"

#include "top_text.h"

#include "podop/mem.h"

#include <stdio.h>

enum { NAME_COLUMNS_MIN = 8, NAME_COLUMNS_MAX = 40, NAME_COLUMNS_USUAL = 19 };

struct row {
    const struct top_table *table;
    const struct top_table_rates *rates;
    double seconds;
    uint64_t weight, total; /* what the rows are sorted by */
};

struct column {
    const char *title;
    size_t columns;
    void (*write)(const struct row *row, int which, char out[TOP_NUMBER_BYTES]);
    int which; /* a counter, or a percentile */
};

static void write_rate(const struct row *row, int counter, char out[TOP_NUMBER_BYTES])
{
    if (row->rates->is_known)
        top_text_rate((double)row->rates->counts[counter] / row->seconds, out);
}

static void write_total(const struct row *row, int counter, char out[TOP_NUMBER_BYTES])
{
    top_text_count(row->table->counts[counter], out);
}

static void write_pending(const struct row *row, int ignored, char out[TOP_NUMBER_BYTES])
{
    (void)ignored;
    top_text_count(row->table->pending, out);
}

static void write_entries(const struct row *row, int ignored, char out[TOP_NUMBER_BYTES])
{
    (void)ignored;
    if (row->table->has_cache)
        top_text_count(row->table->entries, out);
}

/* Stale answers are not hits: the cache had to ask first. */
static void write_hits(const struct row *row, int ignored, char out[TOP_NUMBER_BYTES])
{
    const uint64_t *counts = row->rates->counts;
    const uint64_t all = counts[TOP_FRESH] + counts[TOP_STALE] + counts[TOP_ABSENT];

    (void)ignored;
    if (row->rates->is_known && all > 0)
        snprintf(out, TOP_NUMBER_BYTES, "%.0f%%", 100 * (double)counts[TOP_FRESH] / (double)all);
}

/* Writes the bounds of the bucket as "<250us", or ">10s" for the last. */
static void write_quantile(const struct row *row, int percent, char out[TOP_NUMBER_BYTES])
{
    const struct top_durations *d = &row->rates->durations;
    const int at = row->rates->is_known ? top_quantile(d, percent / 100.0) : -1;
    const bool is_last = at != -1 && d->at_most_us[at] == 0;
    char bound[TOP_NUMBER_BYTES] = "";

    if (at == -1 || (is_last && at == 0))
        return;
    top_text_us(d->at_most_us[is_last ? at - 1 : at], bound);
    snprintf(out, TOP_NUMBER_BYTES, "%c%.20s", is_last ? '>' : '<', bound);
}

/* Those that fit beside the name are shown, from the first on. 80 columns have the first eight. */
static const struct column columns[] = {
    {"LOOKUPS/S", 9, write_rate, TOP_LOOKUPS},
    {"FOUND/S", 7, write_rate, TOP_FOUND},
    {"MISS/S", 6, write_rate, TOP_MISS},
    {"FAILED/S", 8, write_rate, TOP_FAILED},
    {"HITS", 4, write_hits, 0},
    {"P50", 6, write_quantile, 50},
    {"P99", 6, write_quantile, 99},
    {"PENDING", 7, write_pending, 0},
    {"STALE/S", 7, write_rate, TOP_STALE},
    {"JOINED/S", 8, write_rate, TOP_JOINED},
    {"ENTRIES", 7, write_entries, 0},
    {"LOOKUPS", 7, write_total, TOP_LOOKUPS},
    {"FAILED", 6, write_total, TOP_FAILED},
    {"LOST", 6, write_total, TOP_LOST},
};

static uint64_t weight_of(const struct row *row, enum top_order order)
{
    switch (order) {
    case TOP_BY_LOOKUPS: return row->rates->counts[TOP_LOOKUPS];
    case TOP_BY_FAILURES: return row->rates->counts[TOP_FAILED];
    case TOP_BY_PENDING: return row->table->pending;
    case TOP_BY_NAME: return 0;
    }
    return 0;
}

/* Breaks ties by the total, so that the order is the most useful one before there is a rate. */
static uint64_t total_of(const struct row *row, enum top_order order)
{
    switch (order) {
    case TOP_BY_LOOKUPS: return row->table->counts[TOP_LOOKUPS];
    case TOP_BY_FAILURES: return row->table->counts[TOP_FAILED];
    case TOP_BY_PENDING: return row->table->counts[TOP_LOST];
    case TOP_BY_NAME: return 0;
    }
    return 0;
}

static int compare_rows(const void *pa, const void *pb)
{
    const struct row *a = pa, *b = pb;

    if (a->weight != b->weight)
        return a->weight > b->weight ? -1 : 1;
    if (a->total != b->total)
        return a->total > b->total ? -1 : 1;
    return strcmp(a->table->name, b->table->name);
}

static struct row *sort_rows(const struct top_list *list)
{
    const struct top_sample *s = list->sample;
    struct row *rows = xcalloc(s->table_count, sizeof(rows[0]));

    for (size_t i = 0; i < s->table_count; i++) {
        rows[i] = (struct row){&s->tables[i], &list->rates->tables[i], list->rates->seconds, 0, 0};
        rows[i].weight = weight_of(&rows[i], list->order);
        rows[i].total = total_of(&rows[i], list->order);
    }
    qsort(rows, s->table_count, sizeof(rows[0]), compare_rows);
    return rows;
}

static size_t longest_name(const struct top_sample *s)
{
    size_t longest = NAME_COLUMNS_MIN;
    struct buf shown;

    buf_init(&shown, BUF_LIMITED_BY_INPUT);
    for (size_t i = 0; i < s->table_count; i++) {
        const size_t n = top_text_add(&shown, span_of(s->tables[i].name), NAME_COLUMNS_MAX);

        longest = n > longest ? n : longest;
        buf_clear(&shown);
    }
    buf_deinit(&shown);
    return longest;
}

/* Returns how many columns are shown, and how wide the name is. */
static size_t lay_out(size_t width, size_t longest, size_t *name)
{
    const size_t least = longest < NAME_COLUMNS_USUAL ? longest : NAME_COLUMNS_USUAL;
    size_t used = 0, count = 0;

    while (count < ARRAY_LEN(columns) && used + 1 + columns[count].columns + least <= width) {
        used += 1 + columns[count].columns;
        count++;
    }
    *name = width - used < longest ? width - used : longest;
    return count;
}

static void draw_row(const struct row *row, size_t name, size_t count, struct top_page *page)
{
    const bool fails = row->rates->counts[TOP_FAILED] > 0;

    top_page_begin(page, fails ? TOP_BAD : TOP_PLAIN);
    top_page_cell(page, span_of(row->table->name), name, true);
    for (size_t i = 0; i < count; i++) {
        char text[TOP_NUMBER_BYTES] = "-";

        columns[i].write(row, columns[i].which, text);
        top_page_add(page, SPAN(" "));
        top_page_cell(page, span_of(text), columns[i].columns, false);
    }
}

static void draw_titles(size_t name, size_t count, struct top_page *page)
{
    top_page_begin(page, TOP_TITLE);
    top_page_cell(page, SPAN("TABLE"), name, true);
    for (size_t i = 0; i < count; i++) {
        top_page_add(page, SPAN(" "));
        top_page_cell(page, span_of(columns[i].title), columns[i].columns, false);
    }
}

void top_tables_draw(const struct top_list *list, size_t lines, struct top_page *page)
{
    const size_t tables = list->sample->table_count;
    const size_t first = list->skipped < tables ? list->skipped : tables - 1;
    size_t room = lines == 0 ? 0 : lines - 1, count, name, end;
    struct row *rows;

    if (lines == 0 || tables == 0)
        return;
    count = lay_out(page->width, longest_name(list->sample), &name);
    draw_titles(name, count, page);
    rows = sort_rows(list);
    if (room < tables - first && room > 1)
        room--; /* for the line that says so */
    end = tables - first < room ? tables : first + room;
    for (size_t i = first; i < end; i++)
        draw_row(&rows[i], name, count, page);
    if (end < tables && lines > 2) {
        top_page_begin(page, TOP_PLAIN);
        top_page_format(page, "... and %zu more", tables - end);
    }
    free(rows);
}
