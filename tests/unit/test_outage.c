#include "unit.h"

#include "podop/outage.h"

#include <unistd.h>

/* Returns how many lines of the captured stderr have this event. */
static unsigned lines_of(FILE *captured, const char *event)
{
    char line[4096];
    unsigned count = 0;

    rewind(captured);
    while (fgets(line, sizeof(line), captured) != NULL)
        count += strstr(line, event) != NULL;
    return count;
}

static void test_outage_is_told_at_start_each_minute_and_end(void **state)
{
    FILE *captured = tmpfile();
    int saved = dup(STDERR_FILENO);
    struct outage outage = {0};
    uint64_t now_ms = 1000;
    struct log log;

    (void)state;
    assert_non_null(captured);
    log_init(&log);
    dup2(fileno(captured), STDERR_FILENO);
    outage_success(&outage, &log, "t", "http://h:1", now_ms); /* there was no outage */
    for (int i = 0; i < 1500; i++, now_ms += 100)             /* two and a half minutes */
        outage_failure(&outage, &log, "t", "http://h:1", SPAN("refused"), now_ms);
    outage_success(&outage, &log, "t", "http://h:1", now_ms); /* too early to end the outage */
    outage_success(&outage, &log, "t", "http://h:1", now_ms + 1000);
    outage_success(&outage, &log, "t", "http://h:1", now_ms + 1100);
    dup2(saved, STDERR_FILENO);
    close(saved);
    assert_int_equal(
        lines_of(captured, "event=backend_failed table=t backend=http://h:1 reason=refused"), 1);
    assert_int_equal(lines_of(captured, "event=backend_still_fails "), 2);
    assert_int_equal(
        lines_of(captured,
                 "event=backend_recovered table=t backend=http://h:1 seconds=151 failed=1500"),
        1);
    assert_int_equal(lines_of(captured, "event="), 4);
    fclose(captured);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outage_is_told_at_start_each_minute_and_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
