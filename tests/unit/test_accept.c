#include "unit.h"

#include "monitor/accept.h"

#define OPENMETRICS SPAN("application/openmetrics-text")

static void test_accept_quality(void **state)
{
    static const struct {
        const char *header;
        unsigned quality;
        bool is_named;
    } cases[] = {
        {NULL, 1000, false},
        {"", 0, false},
        {"*/*", 1000, false},
        {"*/*;q=0.1", 100, false},
        {"application/*;q=0.5, */*;q=0.1", 500, false},
        {"text/*", 0, false},
        {"application/openmetrics-text", 1000, true},
        {"APPLICATION/OpenMetrics-Text ; Q=0.25", 250, true},
        {"application/openmetrics-text;q=0", 0, true},
        {"application/openmetrics-text;q=0, */*", 0, true}, /* the range that fits best decides */
        {"application/openmetrics-text; version=1.0.0 ;q=0.7", 700, true},
        {"application/openmetrics-text; version=\"1.0.0\"", 1000, true},
        {"application/openmetrics-text; version=0.0.1", 0, false},
        {"application/openmetrics-text;version=0.0.1;q=0.9,application/openmetrics-text;"
         "version=1.0.0;q=0.4",
         400, true},
        {"application/openmetrics-text;version=0.0.1,*/*;q=0.1", 100, false},
        {"application/openmetrics-text;q=0.9,application/openmetrics-text;q=0.4", 900, true},
        {"application/openmetrics-text;x=\"a,b;q=0.3\";q=0.2", 200, true},
        {"application/openmetrics-text;x=\"\\\",\";q=0.2", 200, true},
        {"application/openmetrics-text;q=1.5", 1000, true},
        {"application/openmetrics-text;q=.5", 1000, true}, /* not a quality */
        {"application/openmetrics-text;q=0.1234", 1000, true},
        {"application/openmetrics-text;q", 1000, true},
        {"application/openmetrics-text;;q=0.5", 500, true},
        {"application/openmetrics-textual", 0, false},
        {"application", 0, false},
        {",,;=,application/openmetrics-text", 1000, true},
        {"application/openmetrics-text;x=\"open", 1000, true},
        {"application/openmetrics-text;x=\"\\", 1000, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct accept_quality is =
            accept_quality(cases[i].header, OPENMETRICS, SPAN("1.0.0"));

        if (is.quality != cases[i].quality || is.is_named != cases[i].is_named)
            fail_msg("%s: %u, %d", cases[i].header, is.quality, is.is_named);
    }
}

/* Without a version to compare, that of the header does not matter. */
static void test_accept_any_version(void **state)
{
    (void)state;
    assert_int_equal(accept_quality("text/plain;version=2", SPAN("text/plain"), SPAN("")).quality,
                     1000);
}

/* Every beginning of a header is read without a read beyond its end. */
static void test_accept_cut(void **state)
{
    static const char header[] = "text/plain; version=\"0.0.4\\\"\" ; q=0.123, */*;q=0.5,a/b";

    (void)state;
    for (size_t len = 0; len < sizeof(header); len++) {
        char *cut = xmemdup0(header, len);

        assert_in_range(accept_quality(cut, SPAN("text/plain"), SPAN("0.0.4")).quality, 0, 1000);
        free(cut);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accept_quality),
        cmocka_unit_test(test_accept_any_version),
        cmocka_unit_test(test_accept_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
