/* test_metrics.c - each counter with a metric is in a family of /metrics, and the other way round.
 */
#include "unit.h"

#include "monitor/metrics.h"
#include "monitor/stats.h"

#include "podop/counters.h"

static const struct counter_set *const sets[] = {
    &stats_process_set, &stats_listener_set, &stats_request_set,
    &stats_backend_set, &table_counter_set,
};

static const struct metric_family *find_family(const char *name)
{
    for (size_t i = 0; i < metrics_families(); i++) {
        if (strcmp(metrics_family(i)->name, name) == 0)
            return metrics_family(i);
    }
    return NULL;
}

static bool has_counter(const struct metric_family *family)
{
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        for (size_t j = 0; j < sets[i]->count; j++) {
            const char *name = sets[i]->counters[j].metric.family;

            if (name != NULL && strcmp(name, family->name) == 0)
                return true;
        }
    }
    return false;
}

static void test_each_counter_has_its_family(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        for (size_t j = 0; j < sets[i]->count; j++) {
            const struct counter *c = &sets[i]->counters[j];
            const struct metric_family *family;

            if (c->metric.family == NULL)
                continue;
            AT_CASE("%s", c->metric.family);
            family = find_family(c->metric.family);
            assert_non_null(family);
            assert_int_equal(family->kind, c->kind == COUNTER_FLAG ? COUNTER_GAUGE : c->kind);
        }
    }
}

static bool ends_with(const char *text, const char *end)
{
    const size_t len = strlen(text), end_len = strlen(end);

    return len >= end_len && strcmp(text + len - end_len, end) == 0;
}

static void test_each_family(void **state)
{
    (void)state;
    for (size_t i = 0; i < metrics_families(); i++) {
        const struct metric_family *family = metrics_family(i);

        AT_CASE("%s", family->name);
        assert_ptr_equal(find_family(family->name), family); /* no other has this name */
        assert_int_equal(ends_with(family->name, "_total"), family->kind == COUNTER_TOTAL);
        assert_null(strpbrk(family->help, "\n\\"));
        assert_true(ends_with(family->help, "."));
        assert_true(strncmp(family->name, "podop_", 6) == 0 ||
                    strncmp(family->name, "process_", 8) == 0);
        if (strcmp(family->name, "process_open_fds") != 0) /* counted by the document itself */
            assert_true(has_counter(family));
    }
}

/* Two samples of a family must differ by a label. */
static void test_samples_differ(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        for (size_t j = 0; j < sets[i]->count; j++) {
            for (size_t k = 0; k < j; k++) {
                const struct counter_metric *a = &sets[i]->counters[j].metric;
                const struct counter_metric *b = &sets[i]->counters[k].metric;

                if (a->family == NULL || b->family == NULL || strcmp(a->family, b->family) != 0)
                    continue;
                AT_CASE("%s", a->family);
                assert_string_equal(a->label, b->label);
                assert_string_not_equal(a->value, b->value);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_counter_has_its_family),
        cmocka_unit_test(test_each_family),
        cmocka_unit_test(test_samples_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
