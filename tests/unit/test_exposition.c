#include "unit.h"

#include "monitor/exposition.h"

struct snapshot {
    struct span name;
    uint64_t found, missed, hidden, age_ms;
    bool flag, shows_hidden;
    struct histogram histogram;
};

#define AT(member) offsetof(struct snapshot, member), COUNTER_ALWAYS_SHOWN

/* clang-format off: a table */
static const struct counter counters[] = {
    {COUNTER_LABEL, NULL, NULL, NULL, "help", AT(name), {NULL, "table", NULL, 0}},
    {COUNTER_TOTAL, NULL, NULL, NULL, "help", AT(found), {"x_total", "result", "found", 0}},
    {COUNTER_GAUGE, NULL, NULL, NULL, "help", AT(age_ms), {"x_age_seconds", NULL, NULL, 1000}},
    {COUNTER_TOTAL, NULL, NULL, NULL, "help", AT(missed), {"x_total", "result", "miss", 0}},
    {COUNTER_TOTAL,
     NULL,
     NULL,
     NULL,
     "help",
     offsetof(struct snapshot, hidden),
     offsetof(struct snapshot, shows_hidden),
     {"x_total", "result", "hidden", 0}},
    {COUNTER_FLAG, NULL, NULL, NULL, "help", AT(flag), {"x_up", NULL, NULL, 0}},
    {COUNTER_HISTOGRAM, NULL, NULL, NULL, "help", AT(histogram), {"x_seconds", NULL, NULL, 0}},
    {COUNTER_GAUGE, NULL, NULL, NULL, "help", AT(found), COUNTER_NO_METRIC},
};
/* clang-format on */
static const struct counter_set set = {counters, ARRAY_LEN(counters)};
static const struct counter_set without_label = {counters + 1, ARRAY_LEN(counters) - 1};

static const struct metric_family total = {"x_total", COUNTER_TOTAL, "How often."};
static const struct metric_family age = {"x_age_seconds", COUNTER_GAUGE, "Age."};
static const struct metric_family up = {"x_up", COUNTER_FLAG, "Up."};
static const struct metric_family seconds = {"x_seconds", COUNTER_HISTOGRAM, "Duration."};

static const uint32_t bounds[] = {100, 1000000, 2500000, 0};
static const uint64_t counts[] = {7, 0, 2, 1};
static struct snapshot snapshot;
static struct buf out;

static int setup(void **state)
{
    (void)state;
    snapshot = (struct snapshot){
        .name = TEXT("alias"),
        .found = UINT64_MAX,
        .missed = 3,
        .hidden = 5,
        .histogram = {bounds, counts, ARRAY_LEN(bounds), "us_at_most", 1, 12000345},
    };
    buf_init(&out, 64 * 1024);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    buf_deinit(&out);
    return 0;
}

static void assert_samples(const struct metric_family *family, const char *expected)
{
    buf_clear(&out);
    exposition_add_samples(family, &set, &snapshot, &out);
    assert_string_equal(buf_string(&out), expected);
}

/* The samples of a family stand together, wherever its counters are in the set. */
static void test_samples(void **state)
{
    (void)state;
    assert_samples(&total, "x_total{table=\"alias\",result=\"found\"} 18446744073709551615\n"
                           "x_total{table=\"alias\",result=\"miss\"} 3\n");
    snapshot.shows_hidden = true;
    assert_samples(&total, "x_total{table=\"alias\",result=\"found\"} 18446744073709551615\n"
                           "x_total{table=\"alias\",result=\"miss\"} 3\n"
                           "x_total{table=\"alias\",result=\"hidden\"} 5\n");
    assert_samples(&up, "x_up{table=\"alias\"} 0\n");
    snapshot.flag = true;
    assert_samples(&up, "x_up{table=\"alias\"} 1\n");
}

static void test_no_labels(void **state)
{
    (void)state;
    exposition_add_samples(&up, &without_label, &snapshot, &out);
    exposition_add_samples(&total, &without_label, &snapshot, &out);
    assert_string_equal(buf_string(&out), "x_up 0\nx_total{result=\"found\"} 18446744073709551615\n"
                                          "x_total{result=\"miss\"} 3\n");
}

static void test_fractions(void **state)
{
    static const struct {
        uint64_t ms;
        const char *text;
    } cases[] = {
        {0, "x_age_seconds{table=\"alias\"} 0.0\n"},
        {1, "x_age_seconds{table=\"alias\"} 0.001\n"},
        {10, "x_age_seconds{table=\"alias\"} 0.01\n"},
        {1000, "x_age_seconds{table=\"alias\"} 1.0\n"},
        {12345, "x_age_seconds{table=\"alias\"} 12.345\n"},
        {UINT64_MAX, "x_age_seconds{table=\"alias\"} 18446744073709551.615\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snapshot.age_ms = cases[i].ms;
        assert_samples(&age, cases[i].text);
    }
}

/* Names come from a file that people write, so any byte may be in them. */
static void test_label_values_are_escaped(void **state)
{
    static const struct {
        struct span name;
        const char *text;
    } cases[] = {
        {TEXT(""), "x_up{table=\"\"} 0\n"},
        {TEXT("a\"b"), "x_up{table=\"a\\\"b\"} 0\n"},
        {TEXT("a\\"), "x_up{table=\"a\\\\\"} 0\n"},
        {TEXT("a\nb"), "x_up{table=\"a\\nb\"} 0\n"},
        {TEXT("\xc3\xa4{}=,"), "x_up{table=\"\xc3\xa4{}=,\"} 0\n"},
        {TEXT("\xff\xc3z"), "x_up{table=\"\\\\xff\\\\xc3z\"} 0\n"},
        {TEXT("\xe2\x82"), "x_up{table=\"\\\\xe2\\\\x82\"} 0\n"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        snapshot.name = cases[i].name;
        assert_samples(&up, cases[i].text);
    }
}

/* Buckets are cumulative, +Inf is the count, and the sum is in seconds. */
static void test_histogram(void **state)
{
    (void)state;
    assert_samples(&seconds, "x_seconds_bucket{table=\"alias\",le=\"0.0001\"} 7\n"
                             "x_seconds_bucket{table=\"alias\",le=\"1.0\"} 7\n"
                             "x_seconds_bucket{table=\"alias\",le=\"2.5\"} 9\n"
                             "x_seconds_bucket{table=\"alias\",le=\"+Inf\"} 10\n"
                             "x_seconds_sum{table=\"alias\"} 12.000345\n"
                             "x_seconds_count{table=\"alias\"} 10\n");
    snapshot.histogram.bound_us = 1000;
    snapshot.histogram.sum_us = 0;
    buf_clear(&out);
    exposition_add_samples(&seconds, &without_label, &snapshot, &out);
    assert_string_equal(buf_string(&out), "x_seconds_bucket{le=\"0.1\"} 7\n"
                                          "x_seconds_bucket{le=\"1000.0\"} 7\n"
                                          "x_seconds_bucket{le=\"2500.0\"} 9\n"
                                          "x_seconds_bucket{le=\"+Inf\"} 10\n"
                                          "x_seconds_sum 0.0\n"
                                          "x_seconds_count 10\n");
}

static void test_text_families(void **state)
{
    (void)state;
    exposition_add_family(EXPOSITION_TEXT, &total, &out);
    exposition_add_family(EXPOSITION_TEXT, &up, &out);
    exposition_add_family(EXPOSITION_TEXT, &seconds, &out);
    exposition_end(EXPOSITION_TEXT, &out);
    assert_string_equal(buf_string(&out), "# HELP x_total How often.\n# TYPE x_total counter\n"
                                          "# HELP x_up Up.\n# TYPE x_up gauge\n"
                                          "# HELP x_seconds Duration.\n"
                                          "# TYPE x_seconds histogram\n");
}

/* In OpenMetrics, the family of a counter is named without _total, and the document has an end. */
static void test_openmetrics_families(void **state)
{
    (void)state;
    exposition_add_family(EXPOSITION_OPENMETRICS, &total, &out);
    exposition_add_family(EXPOSITION_OPENMETRICS, &age, &out);
    exposition_end(EXPOSITION_OPENMETRICS, &out);
    assert_string_equal(buf_string(&out), "# HELP x How often.\n# TYPE x counter\n"
                                          "# HELP x_age_seconds Age.\n"
                                          "# TYPE x_age_seconds gauge\n# EOF\n");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(test_samples),
        WITH(test_no_labels),
        WITH(test_fractions),
        WITH(test_label_values_are_escaped),
        WITH(test_histogram),
        WITH(test_text_families),
        WITH(test_openmetrics_families),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
