/* The picture of podopctl top: what it shows, in any size. */
#include "top_case.h"

#include "ctl/top/top_view.h"

#include "podop/buf.h"

#include <locale.h>

#define HEAD(pid, uptime)                                                                          \
    "{'version':'1','pid':" #pid ",'uptime_s':" #uptime ",'rss_bytes':1048576,'clients':3,"        \
    "'requests':2,'loop':{'longest_us':2500,'lost_ms':4},'reloads':{'done':0,'failed':0,"          \
    "'last':0,'last_failed':false},"
#define TABLE(name, lookups, temporary, pending)                                                   \
    "{'table':'" name "','lookups':" #lookups                                                      \
    ",'answers':{'found':0,'miss':0,'temporary':" #temporary                                       \
    ",'timeout':0,'permanent':0},'pending':{'writes':" #pending ",'lost':0}}"

static const char before[] = HEAD(1, 1) "'tables':[" TABLE("busy", 0, 0, 0) "," TABLE(
    "bad", 0, 0, 0) "," TABLE("idle", 0, 0, 0) "," TABLE("slow", 0, 0, 0) "]}";
static const char now[] = HEAD(1, 3) "'tables':[" TABLE("busy", 200, 0, 0) "," TABLE(
    "bad", 20, 20, 0) "," TABLE("idle", 0, 0, 0) "," TABLE("slow", 2, 0, 9) "]}";

/* Draws two seconds of the above. */
static void draw(struct top_view *view, const char *first, const char *second,
                 struct top_page *page)
{
    struct top_sample a = top_case_sample(first, 1000), b = top_case_sample(second, 3000);
    struct top_rates rates;

    top_rates_init(&rates, &a, &b);
    top_page_init(page, view->width);
    top_view_draw(view, &b, &rates, page);
    top_rates_deinit(&rates);
    top_sample_deinit(&a);
    top_sample_deinit(&b);
}

/* Returns the number of the line that begins with the text, or -1. */
static int line_with(const struct top_page *page, const char *text)
{
    for (size_t i = 0; i < page->count; i++) {
        if (span_starts_with(top_page_line(page, i), span_of(text)))
            return (int)i;
    }
    return -1;
}

static void assert_line(const struct top_page *page, const char *begin, const char *want)
{
    const int at = line_with(page, begin);
    struct span line;

    assert_int_not_equal(at, -1);
    line = top_page_line(page, (size_t)at);
    while (line.len > 0 && line.ptr[line.len - 1] == ' ')
        line.len--;
    assert_int_equal(line.len, strlen(want));
    assert_memory_equal(line.ptr, want, line.len);
}

static void test_rates_of_tables(void **state)
{
    struct top_view view = {.width = 80, .height = 24};
    struct top_page page;

    (void)state;
    draw(&view, before, now, &page);
    assert_line(&page, "TABLE",
                "TABLE    LOOKUPS/S FOUND/S MISS/S FAILED/S HITS    P50    P99 PENDING STALE/S");
    assert_line(&page, "busy",
                "busy           100       0      0        0    -      -      -       0       0");
    assert_line(&page, "bad ",
                "bad           10.0       0      0     10.0    -      -      -       0       0");
    assert_line(&page, "slow",
                "slow           1.0       0      0        0    -      -      -       9       0");
    assert_line(&page, "lookups",
                "lookups 111/s, failed 10.0/s, clients 3, requests 2, "
                "writes pending 9, lost 0");
    assert_line(&page, "loop", "loop: longest turn 2.5ms, lost 4 ms; no reload so far");
    assert_int_equal(page.lines[line_with(&page, "bad ")].style, TOP_BAD);
    assert_int_equal(page.lines[line_with(&page, "busy")].style, TOP_PLAIN);
    top_page_deinit(&page);
}

static void test_order(void **state)
{
    static const struct {
        enum top_order order;
        const char *names[4];
    } orders[] = {
        {TOP_BY_LOOKUPS, {"busy", "bad ", "slow", "idle"}},
        {TOP_BY_FAILURES, {"bad ", "busy", "idle", "slow"}},
        {TOP_BY_PENDING, {"slow", "bad ", "busy", "idle"}},
        {TOP_BY_NAME, {"bad ", "busy", "idle", "slow"}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(orders); i++) {
        struct top_view view = {.width = 80, .height = 24, .order = orders[i].order};
        struct top_page page;
        int titles;

        draw(&view, before, now, &page);
        titles = line_with(&page, "TABLE");
        for (int k = 0; k < 4; k++) {
            AT_CASE("%zu, %d", i, k);
            assert_int_equal(line_with(&page, orders[i].names[k]), titles + 1 + k);
        }
        top_page_deinit(&page);
    }
}

static void test_first_picture_has_no_rates(void **state)
{
    struct top_view view = {.width = 76, .height = 24};
    struct top_page page;

    (void)state;
    draw(&view, HEAD(9, 99) "'tables':[]}", now, &page);
    assert_line(&page, "busy",
                "busy             -       -      -        -    -      -      -       0");
    assert_line(&page, "lookups",
                "lookups -/s, failed -/s, clients 3, requests 2, "
                "writes pending 9, lost 0");
    top_page_deinit(&page);
}

/* The time is that of the last reload, whether it succeeded or failed. */
static void test_failed_reload(void **state)
{
    static const char text[] =
        "{'reloads':{'done':2,'failed':1,'last':86400,'last_failed':true},'tables':[]}";
    struct top_view view = {.width = 100, .height = 24}; /* now is 0 */
    struct top_page page;
    char want[100];
    time_t at = 86400;
    struct tm day;

    (void)state;
    draw(&view, text, text, &page);
    strftime(want, sizeof(want),
             "loop: longest turn 0us, lost 0 ms; the last reload FAILED at %Y-%m-%d %H:%M:%S",
             localtime_r(&at, &day));
    assert_line(&page, "loop", want);
    top_page_deinit(&page);
}

static void test_percentiles_and_hits(void **state)
{
    struct top_view view = {.width = 76, .height = 24};
    struct top_page page;

    (void)state;
    draw(&view, HEAD(1, 1) "'tables':[{'table':'t'}]}",
         HEAD(1, 3) "'tables':[{'table':'t','lookups':4,'cache':{'fresh':3,'stale':0,'absent':1},"
                    "'duration':[{'us_at_most':100,'count':3},{'us_at_most':250,'count':0},"
                    "{'count':1}]}]}",
         &page);
    assert_line(&page, "t ",
                "t              2.0       0      0        0  75% <100us >250us       0");
    top_page_deinit(&page);
}

static void test_backends_that_fail_come_first(void **state)
{
    struct top_view view = {.width = 120, .height = 24};
    struct top_page page;

    (void)state;
    draw(&view,
         HEAD(1, 1) "'tables':[{'table':'t','backends':[{'url':'http://a','requests':1},"
                    "{'url':'http://b','requests':1}]}]}",
         HEAD(1, 3) "'pool':[{'host':'http://b','waiting':8}],'tables':[{'table':'t','backends':["
                    "{'url':'http://a','requests':5,'failing_ms':9000},"
                    "{'url':'http://b','requests':3,'failures':2,'left_alone':true,"
                    "'since_ms':61000,'failed_ms':2000,'in_flight':7,'reason':'broken'}]}]}",
         &page);
    assert_line(&page, "t     http://b",
                "t     http://b suspended    1m    1.0     1.0      7    8     2s broken");
    assert_line(&page, "t     http://a",
                "t     http://a failing      9s    2.0       0      0    0      -");
    assert_true(line_with(&page, "t     http://b") < line_with(&page, "t     http://a"));
    top_page_deinit(&page);
}

static void test_says_since_when_podop_is_away(void **state)
{
    struct top_view view = {.width = 100, .height = 24, .fault = "it\nis gone", .now = 1000000};
    struct top_page page;
    int at;

    (void)state;
    view.fault_since = view.now - 90;
    draw(&view, before, now, &page);
    at = line_with(&page, "NO ANSWER since ");
    assert_int_not_equal(at, -1);
    assert_int_equal(page.lines[at].style, TOP_BAD);
    assert_non_null(strstr(buf_string(&page.text), " (1m): it\\x0ais gone"));
    top_page_deinit(&page);
}

static void test_scrolls(void **state)
{
    struct top_view view = {.width = 80, .height = 24, .skipped = 2};
    struct top_page page;

    (void)state;
    draw(&view, before, now, &page);
    assert_int_equal(line_with(&page, "busy"), -1);
    assert_int_equal(line_with(&page, "bad"), -1);
    assert_int_equal(line_with(&page, "slow"), line_with(&page, "TABLE") + 1);
    top_page_deinit(&page);
    view.skipped = 1000; /* after a reload that removed tables */
    draw(&view, before, now, &page);
    assert_int_equal(line_with(&page, "idle"), line_with(&page, "TABLE") + 1);
    top_page_deinit(&page);
}

/* Checks every line against the size, with names that are wide or would move the cursor. */
static void test_fits_in_any_size(void **state)
{
    struct buf answer;

    (void)state;
    setlocale(LC_CTYPE, "C.UTF-8");
    buf_init(&answer, BUF_LIMITED_BY_INPUT);
    buf_add(&answer, SPAN(HEAD(1, 2) "'tables':["));
    for (int i = 0; i < 30; i++)
        buf_add(&answer, SPAN("{'table':'日本語の表\\u001b[2J','lookups':1,'backends':[{'url':"
                              "'http://\\u202ebackend.example.com:8080','requests':1}]},"));
    buf_add(&answer, SPAN("{}]}"));
    for (size_t width = 1; width < 200; width += width < 12 ? 1 : 17) {
        for (size_t height = 1; height < 100; height += height < 10 ? 1 : 15) {
            struct top_view view = {width, height, TOP_BY_LOOKUPS, 0, 0, NULL, 0, height % 2 == 0};
            struct top_page page;

            view.fault = height % 3 == 0 ? "away" : NULL;
            draw(&view, buf_string(&answer), buf_string(&answer), &page);
            assert_true(page.count >= 1 && page.count <= height);
            if (view.has_keys)
                assert_int_equal(page.count, height);
            for (size_t i = 0; i < page.count; i++) {
                const struct span line = top_page_line(&page, i);

                assert_true(page.lines[i].columns <= width);
                for (size_t k = 0; k < line.len; k++)
                    assert_true((unsigned char)line.ptr[k] >= ' ');
            }
            top_page_deinit(&page);
        }
    }
    buf_deinit(&answer);
}

static void test_says_what_does_not_fit(void **state)
{
    struct top_view view = {.width = 80, .height = 8};
    struct top_page page;

    (void)state;
    draw(&view, before, now, &page);
    assert_int_equal(page.count, 8);
    assert_line(&page, "... and", "... and 2 more");
    top_page_deinit(&page);
    view.height = SIZE_MAX;
    draw(&view, before, now, &page);
    assert_int_equal(page.count, 9);
    assert_int_equal(line_with(&page, "... and"), -1);
    top_page_deinit(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rates_of_tables),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_first_picture_has_no_rates),
        cmocka_unit_test(test_failed_reload),
        cmocka_unit_test(test_percentiles_and_hits),
        cmocka_unit_test(test_backends_that_fail_come_first),
        cmocka_unit_test(test_says_since_when_podop_is_away),
        cmocka_unit_test(test_scrolls),
        cmocka_unit_test(test_fits_in_any_size),
        cmocka_unit_test(test_says_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
