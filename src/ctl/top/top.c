/* top.c - the command top, which shows the counters as rates: on a terminal as a picture that it
 * renews, else once as text. */
#include "terminal.h"
#include "top_feed.h"
#include "top_rates.h"
#include "top_view.h"

#include "ctl/command.h"
#include "ctl/output.h"

#include "podop/clock.h"

#include <locale.h>
#include <poll.h>
#include <stdio.h>

enum { FIRST_INTERVAL_MS = 500, SCROLL_LINES = 1, TIMEOUT_MS_DEFAULT = 5000 };

struct top {
    struct top_feed feed;
    struct top_sample before, now; /* the last two */
    bool has_before, has_now;
    struct error fault; /* text is empty while podop answers */
    time_t fault_since;
    enum top_order order;
    size_t skipped;
    uint32_t interval_ms;
    bool is_changed; /* since the picture was drawn */
};

static void take_sample(struct top *top, struct span answer)
{
    if (top->has_before)
        top_sample_deinit(&top->before);
    top->before = top->now;
    top->has_before = top->has_now;
    top_sample_init(&top->now, answer, clock_now_ms());
    top->has_now = true;
    top->fault.text[0] = '\0';
    top->is_changed = true;
}

static void take_fault(struct top *top, const struct error *err)
{
    if (top->fault.text[0] == '\0')
        top->fault_since = time(NULL);
    top->fault = *err;
    top->is_changed = true;
}

static void draw(const struct top *top, struct top_view *view, struct top_page *page)
{
    const bool has_fault = top->fault.text[0] != '\0';
    struct top_rates rates;

    view->order = top->order;
    view->skipped = top->skipped;
    view->now = time(NULL);
    view->fault = has_fault ? top->fault.text : NULL;
    view->fault_since = top->fault_since;
    top_rates_init(&rates, top->has_before && !has_fault ? &top->before : NULL, &top->now);
    top_page_init(page, view->width);
    top_view_draw(view, &top->now, &rates, page);
    top_rates_deinit(&rates);
}

/* Waits for one whole answer. */
static int ask_once(struct top *top, struct error *err)
{
    bool has_answer = false;
    struct span answer;

    if (top_feed_ask(&top->feed, err) == -1)
        return -1;
    while (!has_answer) {
        if (top_feed_wait(&top->feed, -1, &has_answer, &answer, err) == -1)
            return -1;
    }
    take_sample(top, answer);
    return 0;
}

/* Prints the lines without the blanks at their ends. */
static void print_page(const struct top_page *page)
{
    for (size_t i = 0; i < page->count; i++) {
        struct span line = top_page_line(page, i);

        while (line.len > 0 && line.ptr[line.len - 1] == ' ')
            line.len--;
        printf("%.*s\n", (int)line.len, line.ptr);
    }
}

/* Compares two samples: only so there are rates. */
static enum exit_status show_once(struct top *top)
{
    struct top_view view = {.width = 1000, .height = SIZE_MAX};
    struct top_page page;
    struct error err = {0};

    if (ask_once(top, &err) == -1)
        return output_fault(&err, EXIT_FAILED);
    poll(NULL, 0, (int)top->interval_ms);
    if (ask_once(top, &err) == -1)
        return output_fault(&err, EXIT_FAILED);
    draw(top, &view, &page);
    print_page(&page);
    top_page_deinit(&page);
    return output_flush(&err) == -1 ? output_fault(&err, EXIT_FAILED) : EXIT_FOUND;
}

static void scroll(struct top *top, bool is_down)
{
    if (is_down && top->skipped + SCROLL_LINES < top->now.table_count)
        top->skipped += SCROLL_LINES;
    if (!is_down && top->skipped >= SCROLL_LINES)
        top->skipped -= SCROLL_LINES;
}

/* Returns false if the key ends the program. */
static bool take_key(struct top *top, int key)
{
    switch (key) {
    case 'q': return false;
    case 'l': top->order = TOP_BY_LOOKUPS; break;
    case 'f': top->order = TOP_BY_FAILURES; break;
    case 'p': top->order = TOP_BY_PENDING; break;
    case 'n': top->order = TOP_BY_NAME; break;
    case 'j': scroll(top, true); break;
    case 'k': scroll(top, false); break;
    default: break; /* keys without a meaning are ignored */
    }
    return true;
}

static int show(struct top *top, struct terminal *t, struct error *err)
{
    struct top_view view = {.has_keys = t->has_keys};
    struct top_page page;
    int status;

    terminal_size(&view.width, &view.height);
    draw(top, &view, &page);
    status = terminal_draw(t, &page, view.height, err);
    top_page_deinit(&page);
    top->is_changed = false;
    return status;
}

static void ask(struct top *top)
{
    struct error err = {0};

    if (top_feed_ask(&top->feed, &err) == -1)
        take_fault(top, &err);
}

/* Takes what has happened. Returns false at the end: *number is the signal, or 0. */
static bool take_event(struct top *top, struct terminal *t, int *number)
{
    const enum terminal_event event = terminal_next(t, number);

    if (event != TERMINAL_NOTHING)
        top->is_changed = true;
    switch (event) {
    case TERMINAL_NOTHING:
    case TERMINAL_RESIZED: break;
    case TERMINAL_TICK:
        ask(top);
        terminal_set_timer(t, top->interval_ms);
        break;
    case TERMINAL_KEY:
        if (!take_key(top, *number)) {
            *number = 0;
            return false;
        }
        break;
    case TERMINAL_SIGNAL: return false;
    }
    return true;
}

static int watch(struct top *top, struct terminal *t, int *number, struct error *err)
{
    struct error fault = {0};
    struct span answer;
    bool has_answer;

    terminal_set_timer(t,
                       top->interval_ms < FIRST_INTERVAL_MS ? top->interval_ms : FIRST_INTERVAL_MS);
    do {
        if (top->is_changed && show(top, t, err) == -1)
            return -1;
        if (top_feed_wait(&top->feed, t->events, &has_answer, &answer, &fault) == -1)
            take_fault(top, &fault);
        else if (has_answer)
            take_sample(top, answer);
    } while (take_event(top, t, number));
    return 0;
}

/* The first answer comes before the terminal is taken over, so that a wrong socket is a plain
 * error. */
static enum exit_status show_always(struct top *top)
{
    struct error err = {0};
    struct terminal t;
    int number = 0, status;

    if (ask_once(top, &err) == -1)
        return output_fault(&err, EXIT_FAILED);
    status = terminal_open(&t, &err);
    if (status == 0)
        status = watch(top, &t, &number, &err);
    terminal_close(&t);
    if (status == -1)
        return output_fault(&err, EXIT_FAILED);
    if (number != 0)
        terminal_die(number);
    return EXIT_FOUND;
}

/* Counters take podop no time: what is slow to tell them is in trouble, and top is to say so. */
static uint32_t timeout_of(const struct options *o)
{
    return strchr(o->given, 't') == NULL ? TIMEOUT_MS_DEFAULT : o->timeout_ms;
}

enum exit_status command_top(const struct options *o)
{
    struct top top = {.interval_ms = o->interval_ms, .is_changed = true};
    enum exit_status status;

    setlocale(LC_CTYPE, "");
    top_feed_init(&top.feed, o->control, timeout_of(o));
    if (o->shows_once || !terminal_is_fit())
        status = show_once(&top);
    else
        status = show_always(&top);
    top_feed_deinit(&top.feed);
    if (top.has_before)
        top_sample_deinit(&top.before);
    if (top.has_now)
        top_sample_deinit(&top.now);
    return status;
}
