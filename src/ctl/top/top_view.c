#include "top_view.h"

#include "top_backends.h"
#include "top_text.h"

#include <inttypes.h>
#include <stdio.h>

enum { CLOCK_BYTES = 32, MINUTES_OF_DAY = 24 * 60 };

/* Writes the time of day, with the date unless it is today. */
static const char *print_clock(time_t at, time_t now, char out[CLOCK_BYTES])
{
    struct tm day, today;

    localtime_r(&at, &day);
    localtime_r(&now, &today);
    strftime(out, CLOCK_BYTES,
             day.tm_year == today.tm_year && day.tm_yday == today.tm_yday ? "%H:%M:%S"
                                                                          : "%Y-%m-%d %H:%M:%S",
             &day);
    return out;
}

static void draw_process(const struct top_view *view, const struct top_process *p,
                         struct top_page *page)
{
    const uint64_t minutes = p->uptime_s / 60;
    char now[CLOCK_BYTES];

    top_page_begin(page, TOP_PLAIN);
    top_page_add(page, SPAN("podop "));
    top_page_add(page, span_of(p->version));
    top_page_format(page, ", pid %" PRIu64 ", up ", p->pid);
    if (minutes >= MINUTES_OF_DAY)
        top_page_format(page, "%" PRIu64 " d ", minutes / MINUTES_OF_DAY);
    top_page_format(page, "%02u:%02u:%02u, memory %.1f MiB", (unsigned)(minutes / 60 % 24),
                    (unsigned)(minutes % 60), (unsigned)(p->uptime_s % 60),
                    (double)p->rss_bytes / (1024 * 1024));
    top_page_format(page, "   %s", print_clock(view->now, view->now, now));
}

/* Sums what all tables did between the samples. */
static void draw_work(const struct top_sample *s, const struct top_rates *rates,
                      struct top_page *page)
{
    char lookups[TOP_NUMBER_BYTES] = "-", failed[TOP_NUMBER_BYTES] = "-";
    uint64_t asked = 0, failures = 0, pending = 0, lost = 0, lost_now = 0;

    for (size_t i = 0; i < s->table_count; i++) {
        asked += rates->tables[i].counts[TOP_LOOKUPS];
        failures += rates->tables[i].counts[TOP_FAILED];
        pending += s->tables[i].pending;
        lost += s->tables[i].counts[TOP_LOST];
        lost_now += rates->tables[i].counts[TOP_LOST];
    }
    if (rates->seconds > 0) {
        top_text_rate((double)asked / rates->seconds, lookups);
        top_text_rate((double)failures / rates->seconds, failed);
    }
    top_page_begin(page, failures > 0 || lost_now > 0 ? TOP_BAD : TOP_PLAIN);
    top_page_format(page,
                    "lookups %s/s, failed %s/s, clients %" PRIu64 ", requests %" PRIu64
                    ", writes pending %" PRIu64 ", lost %" PRIu64,
                    lookups, failed, s->process.clients, s->process.requests, pending, lost);
}

static void draw_loop(const struct top_view *view, const struct top_process *p,
                      struct top_page *page)
{
    char longest[TOP_NUMBER_BYTES], at[CLOCK_BYTES];

    top_page_begin(page, p->last_reload_failed ? TOP_BAD : TOP_PLAIN);
    top_text_us(p->longest_us, longest);
    top_page_format(page, "loop: longest turn %s, lost %" PRIu64 " ms; ", longest, p->lost_ms);
    if (p->reloads + p->reloads_failed == 0)
        top_page_add(page, SPAN("no reload so far"));
    else if (p->last_reload_failed)
        top_page_format(page, "the last reload FAILED at %s",
                        print_clock((time_t)p->reloaded_at, view->now, at));
    else
        top_page_format(page, "last reload %s", print_clock((time_t)p->reloaded_at, view->now, at));
}

static void draw_fault(const struct top_view *view, struct top_page *page)
{
    char since[CLOCK_BYTES], age[TOP_NUMBER_BYTES];
    const time_t seconds = view->now > view->fault_since ? view->now - view->fault_since : 0;

    top_text_age((uint64_t)seconds * 1000, age);
    top_page_begin(page, TOP_BAD);
    top_page_format(
        page, "NO ANSWER since %s (%s): ", print_clock(view->fault_since, view->now, since), age);
    top_page_add(page, span_of(view->fault));
}

static void draw_keys(const struct top_view *view, struct top_page *page)
{
    static const char *const orders[] = {
        [TOP_BY_LOOKUPS] = "lookups",
        [TOP_BY_FAILURES] = "failures",
        [TOP_BY_PENDING] = "pending writes",
        [TOP_BY_NAME] = "name",
    };

    top_page_begin(page, TOP_PLAIN);
    top_page_format(page,
                    "by %s. Sort: l lookups, f failures, p pending, n name; j k scroll; q quit",
                    orders[view->order]);
}

/* Returns how many of so many lines the backends get, with the blank line before them: what they
 * need, but no more than a third unless the tables leave more. */
static size_t lines_of_backends(const struct top_sample *s, size_t lines)
{
    const size_t wanted = s->backend_count == 0 ? 0 : s->backend_count + 2;
    const size_t tables = s->table_count == 0 ? 0 : s->table_count + 1;
    const size_t left = lines > tables ? lines - tables : 0;
    const size_t most = left > lines / 3 ? left : lines / 3;

    return wanted < most ? wanted : most;
}

static void draw_lists(const struct top_view *view, const struct top_sample *s,
                       const struct top_rates *rates, size_t lines, struct top_page *page)
{
    const struct top_list list = {s, rates, view->order, view->skipped};
    const size_t backends = lines_of_backends(s, lines);

    top_tables_draw(&list, lines - backends, page);
    if (backends < 2)
        return;
    top_page_begin(page, TOP_PLAIN);
    top_backends_draw(s, rates, backends - 1, page);
}

void top_view_draw(const struct top_view *view, const struct top_sample *s,
                   const struct top_rates *rates, struct top_page *page)
{
    const size_t height = view->has_keys ? view->height - 1 : view->height;

    draw_process(view, &s->process, page);
    draw_work(s, rates, page);
    draw_loop(view, &s->process, page);
    if (view->fault != NULL)
        draw_fault(view, page);
    top_page_begin(page, TOP_PLAIN);
    if (page->count < height)
        draw_lists(view, s, rates, height - page->count, page);
    if (page->count > height)
        page->count = height;
    if (!view->has_keys)
        return;
    while (page->count < height)
        top_page_begin(page, TOP_PLAIN);
    draw_keys(view, page);
}
