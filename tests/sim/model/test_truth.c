#include "truth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void assert_shows(const char *json, const char *postfix, const char *dovecot)
{
    struct truth_value *value = truth_value_new(json, strlen(json));
    const char *texts[] = {postfix, dovecot};

    if (value == NULL)
        fail_msg("%s is not known", json);
    for (int i = 0; i < 2; i++) {
        if (texts[i] == NULL ? value->text[i] != NULL
                             : value->text[i] == NULL || strcmp(value->text[i], texts[i]) != 0)
            fail_msg("%s: '%s' instead of '%s'", json, value->text[i], texts[i]);
        assert_true(truth_value_shows(value, (enum truth_protocol)i, texts[i],
                                      texts[i] == NULL ? 0 : strlen(texts[i])));
    }
    truth_value_unref(&value);
    assert_null(value);
}

static void values_show_as_the_manual_says(void **state)
{
    (void)state;
    assert_shows("\"a b\"", "a b", "a b");
    assert_shows("-12", "-12", "-12");
    assert_shows("true", "true", "true");
    assert_shows("false", NULL, "false");
    assert_shows("null", NULL, NULL);
    assert_shows("\"\"", NULL, "");
    assert_shows("[]", NULL, "[]");
    assert_shows("[null,false]", NULL, "[null,false]");
    assert_shows("[\"a\",12,null,\"b\"]", "a,12,b", "[\"a\",12,null,\"b\"]");
}

static void other_texts_are_no_values(void **state)
{
    static const char *const texts[] = {"",     "a",     "\"a",      "1x", "[1",
                                        "[1,]", "[1 2]", "\"a\\n\"", "-"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_null(truth_value_new(texts[i], strlen(texts[i])));
}

static void a_text_of_dovecot_becomes_json(void **state)
{
    struct truth_value *number = truth_value_text("17", 2), *text = truth_value_text("w1-x", 4);

    (void)state;
    assert_string_equal(number->json, "17");
    assert_string_equal(text->json, "\"w1-x\"");
    assert_false(truth_value_equal(number, text));
    assert_false(truth_value_equal(number, NULL));
    assert_true(truth_value_equal(NULL, NULL));
    truth_value_unref(&number);
    truth_value_unref(&text);
}

static void put(struct truth_key *key, const char *text, int64_t at_ns)
{
    struct truth_value *value = text == NULL ? NULL : truth_value_string(text, strlen(text));

    truth_put(key, value, at_ns);
    truth_value_unref(&value);
}

static bool had(const struct truth_key *key, const char *text, int64_t from_ns, int64_t to_ns)
{
    return truth_had(key, TRUTH_POSTFIX, text, text == NULL ? 0 : strlen(text), from_ns, to_ns);
}

static void a_key_had_what_it_had_at_some_moment(void **state)
{
    struct truth *truth = truth_new("store", 1000);
    struct truth_key *key = truth_add(truth, "key", 3);

    (void)state;
    assert_true(had(key, NULL, 0, 5));
    put(key, "a", 10);
    put(key, "b", 20);
    put(key, NULL, 30);
    assert_true(had(key, NULL, 9, 9));
    assert_false(had(key, "a", 0, 9));
    assert_true(had(key, "a", 0, 10));
    assert_true(had(key, "a", 19, 19));
    assert_false(had(key, "a", 20, 40));
    assert_true(had(key, "b", 29, 40));
    assert_false(had(key, NULL, 10, 29));
    assert_true(had(key, NULL, 10, 30));
    assert_true(truth_always_had(key, TRUTH_POSTFIX, true, 10, 29));
    assert_false(truth_always_had(key, TRUTH_POSTFIX, true, 9, 29));
    assert_false(truth_always_had(key, TRUTH_POSTFIX, true, 10, 30));
    truth_free(&truth);
}

static void an_empty_value_is_not_none(void **state)
{
    struct truth *truth = truth_new("store", 1000);
    struct truth_key *key = truth_add(truth, "key", 3);

    (void)state;
    put(key, "", 10);
    assert_false(had(key, NULL, 10, 20));
    assert_true(truth_had_empty(key, TRUTH_POSTFIX, 10, 20));
    assert_false(truth_had_empty(key, TRUTH_DOVECOT, 10, 20));
    assert_false(truth_had_empty(key, TRUTH_POSTFIX, 0, 9));
    truth_free(&truth);
}

static void old_moments_are_forgotten(void **state)
{
    struct truth *truth = truth_new("store", 100);
    struct truth_key *key = truth_add(truth, "key", 3);
    char text[20];

    (void)state;
    for (int i = 1; i <= 1000; i++) {
        snprintf(text, sizeof(text), "v%d", i);
        put(key, text, i * 10);
    }
    assert_true(had(key, "v1000", 10000, 10000));
    assert_true(had(key, "v990", 9900, 9900));
    assert_false(had(key, "v989", 9890, 10000)); /* at the limit */
    assert_false(had(key, "v900", 0, 10000));
    assert_false(had(key, NULL, 0, 10000)); /* what was before it is not known */
    truth_free(&truth);
}

static void many_keys_are_found(void **state)
{
    struct truth *truth = truth_new("store", 100);
    char name[20];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "k%d", i);
        put(truth_add(truth, name, strlen(name)), name, 1);
    }
    assert_int_equal(truth_count(truth), 1000);
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "k%d", i);
        assert_ptr_equal(truth_find(truth, name, strlen(name)), truth_nth(truth, (size_t)i));
        assert_string_equal(truth_now(truth_nth(truth, (size_t)i))->text[0], name);
    }
    assert_null(truth_find(truth, "k", 1));
    truth_free(&truth);
}

static bool count_row(void *arg, const struct truth_key *key)
{
    (void)key;
    return ++*(int *)arg < 3;
}

static int rows_of(const struct truth *truth, const char *path, bool is_deep)
{
    int count = 0;

    truth_list(truth, path, is_deep, count_row, &count);
    return count;
}

static void a_list_has_the_keys_below_its_path(void **state)
{
    struct truth *truth = truth_new("store", 100);

    (void)state;
    put(truth_add(truth, "dir/a", 5), "1", 1);
    put(truth_add(truth, "dir/b/c", 7), "2", 1);
    put(truth_add(truth, "dir/gone", 8), NULL, 1);
    put(truth_add(truth, "dir/", 4), "3", 1);
    put(truth_add(truth, "other", 5), "4", 1);
    assert_int_equal(rows_of(truth, "dir/", false), 1);
    assert_int_equal(rows_of(truth, "dir/", true), 2);
    assert_int_equal(rows_of(truth, "", true), 3); /* count_row() has had enough */
    truth_free(&truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_show_as_the_manual_says),
        cmocka_unit_test(other_texts_are_no_values),
        cmocka_unit_test(a_text_of_dovecot_becomes_json),
        cmocka_unit_test(a_key_had_what_it_had_at_some_moment),
        cmocka_unit_test(an_empty_value_is_not_none),
        cmocka_unit_test(old_moments_are_forgotten),
        cmocka_unit_test(many_keys_are_found),
        cmocka_unit_test(a_list_has_the_keys_below_its_path),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
