/* podop's counters: podop(8) lists each of them, and no two have the same name. */
#include "unit.h"

#include "podop/counters.h"

#include "monitor/stats.h"

static const struct counter_set *const sets[] = {&stats_process_set, &stats_listener_set,
                                                 &stats_request_set, &stats_backend_set,
                                                 &table_counter_set};

static char manual[128 * 1024]; /* its section on counters, with each word between blanks */

static int read_manual(void **state)
{
    FILE *file = fopen(PODOP_MANUAL, "r");
    char *section, *end;
    size_t len;

    (void)state;
    if (file == NULL)
        return -1;
    len = fread(manual, 1, sizeof(manual) - 1, file);
    fclose(file);
    manual[len] = '\0';
    section = strstr(manual, "\n.Ss Counters\n");
    end = section == NULL ? NULL : strstr(section, "\n.Sh ");
    if (end == NULL)
        return -1;
    *end = '\0';
    memmove(manual, section, strlen(section) + 1);
    for (char *c = manual; *c != '\0'; c++) {
        if (*c == '\n')
            *c = ' ';
    }
    return 0;
}

static void assert_in_manual(const char *name)
{
    char word[100];

    snprintf(word, sizeof(word), " %s ", name);
    if (strstr(manual, word) == NULL)
        fail_msg("podop(8) does not list the counter '%s'", name);
}

/* Returns whether c counts by status. The manual describes statuses elsewhere. */
static bool is_by_status(const struct counter *c)
{
    return c->group != NULL &&
           (strcmp(c->group, "answers") == 0 || strcmp(c->group, "commits") == 0);
}

static void test_the_manual_lists_each_counter(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        for (size_t j = 0; j < sets[i]->count; j++) {
            const struct counter *c = &sets[i]->counters[j];

            if (c->group != NULL)
                assert_in_manual(c->group);
            if (c->name != NULL && !is_by_status(c))
                assert_in_manual(c->name);
        }
    }
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static void test_names_are_unique(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        for (size_t j = 0; j < sets[i]->count; j++) {
            for (size_t k = 0; k < j; k++) {
                const struct counter *a = &sets[i]->counters[j], *b = &sets[i]->counters[k];

                if ((a->name != NULL && is_same(a->group, b->group) && is_same(a->name, b->name)) ||
                    (a->log_name != NULL && is_same(a->log_name, b->log_name)))
                    fail_msg("two counters of set %zu are named '%s', '%s'", i, a->name,
                             a->log_name);
            }
        }
    }
}

static void test_each_counter_has_a_help_text(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        for (size_t j = 0; j < sets[i]->count; j++) {
            const struct counter *c = &sets[i]->counters[j];

            if (c->help == NULL || c->help[0] == '\0' || strchr(c->help, '\n') != NULL)
                fail_msg("counter %zu of set %zu", j, i);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_manual_lists_each_counter),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_each_counter_has_a_help_text),
    };

    return cmocka_run_group_tests(tests, read_manual, NULL);
}
