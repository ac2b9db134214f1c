#include "unit.h"

#include "podop/counter_json.h"
#include "podop/counter_set.h"

#include <sys/mman.h>
#include <unistd.h>

struct snapshot {
    struct span name, empty;
    uint64_t total, hidden, now, late;
    bool flag, shows_hidden;
    struct histogram histogram;
};

#define NO_METRIC COUNTER_NO_METRIC
#define AT(member) offsetof(struct snapshot, member), COUNTER_ALWAYS_SHOWN, NO_METRIC

static const struct counter counters[] = {
    {COUNTER_LABEL, NULL, "name", "what", "help", AT(name)},
    {COUNTER_LABEL, NULL, "empty", NULL, "help", AT(empty)},
    {COUNTER_TOTAL, "group", "total", "total", "help", AT(total)},
    {COUNTER_GAUGE, NULL, NULL, "only_log", "help", AT(now)},
    {COUNTER_FLAG, NULL, "flag", NULL, "help", AT(flag)},
    {COUNTER_TOTAL, "other", "hidden", "hidden", "help", offsetof(struct snapshot, hidden),
     offsetof(struct snapshot, shows_hidden), NO_METRIC},
    {COUNTER_HISTOGRAM, NULL, "turns", "turns_ms", "help", AT(histogram)},
    {COUNTER_GAUGE, "group", "late", "late", "help", AT(late)},
};
static const struct counter_set set = {counters, ARRAY_LEN(counters)};

static const uint32_t bounds[] = {1, 50, 0};
static const uint64_t counts[] = {7, 0, 2};
static struct snapshot snapshot = {
    .name = TEXT("a \"b\""),
    .total = UINT64_MAX,
    .hidden = 5,
    .now = 6,
    .late = 8,
    .flag = true,
    .histogram = {bounds, counts, 3, "ms_at_most", 1000, 123},
};

static void assert_json(const char *expected)
{
    struct buf out;

    buf_init(&out, 4096);
    buf_add_char(&out, '{');
    counter_set_add_json(&set, &snapshot, &out);
    buf_add_char(&out, '}');
    assert_string_equal(buf_string(&out), expected);
    buf_deinit(&out);
}

static const char *log_of(enum log_level level)
{
    static char line[2000];
    const int saved = dup(STDERR_FILENO), file = memfd_create("log", MFD_CLOEXEC);
    struct log log;
    ssize_t len;

    log_init(&log);
    log.level = level;
    log.has_time = false;
    dup2(file, STDERR_FILENO);
    counter_set_log(&set, &snapshot, &log);
    dup2(saved, STDERR_FILENO);
    close(saved);
    len = pread(file, line, sizeof(line) - 1, 0);
    close(file);
    log_deinit(&log);
    assert_true(len >= 0);
    line[len] = '\0';
    return line;
}

/* All members of a group are written where the first one is. An empty label is left out. */
static void test_json(void **state)
{
    (void)state;
    snapshot.shows_hidden = false;
    assert_json("{\"name\":\"a \\\"b\\\"\",\"group\":{\"total\":18446744073709551615,\"late\":8},"
                "\"flag\":true,\"turns\":[{\"ms_at_most\":1,\"count\":7},"
                "{\"ms_at_most\":50,\"count\":0},{\"count\":2}]}");
    snapshot.shows_hidden = true;
    snapshot.flag = false;
    assert_json("{\"name\":\"a \\\"b\\\"\",\"group\":{\"total\":18446744073709551615,\"late\":8},"
                "\"flag\":false,\"other\":{\"hidden\":5},\"turns\":[{\"ms_at_most\":1,\"count\":7},"
                "{\"ms_at_most\":50,\"count\":0},{\"count\":2}]}");
}

/* The log line has all fields in the order of the array, even those that JSON leaves out. */
static void test_log(void **state)
{
    (void)state;
    snapshot.shows_hidden = false;
    assert_string_equal(log_of(LOG_LEVEL_WARNING),
                        "level=warning event=counters what=\"a \\\"b\\\"\" "
                        "total=18446744073709551615 only_log=6 hidden=5 "
                        "turns_ms=1:7,50:0,more:2 late=8\n");
}

static void test_log_at_level_error(void **state)
{
    (void)state;
    assert_string_equal(log_of(LOG_LEVEL_ERROR), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_log),
        cmocka_unit_test(test_log_at_level_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
