#include "unit.h"

#include "podop/json_index.h"

#include "fake_table.h"
#include "mail/key_rules.h"

#include <unistd.h>

static struct json_index *read_with(struct span text, const struct key_rules *rules,
                                    struct error *err)
{
    struct fake_file file;
    struct json_index *index;

    fake_file_open(&file, text);
    index = json_index_read(file.path, rules, NULL, err);
    fake_file_close(&file);
    return index;
}

static struct json_index *read_text(struct span text, struct error *err)
{
    return read_with(text, NULL, err);
}

static void test_json_index_normal_form(void **state)
{
    struct key_rules *rules = key_rules_new(&(struct key_config){.fold = KEY_FOLD_ALL});
    struct error err = {0};
    struct json_index *index = read_with(SPAN("{\"C\": 1, \"b\\u00c4\": 2}"), rules, &err);

    (void)state;
    assert_non_null(index);
    assert_true(span_equal(json_index_key(index, 0), SPAN("b\xc3\xa4")));
    assert_true(span_equal(json_index_key(index, 1), SPAN("c")));
    json_index_unref(&index, NULL);
    index =
        read_with(SPAN("{\"b\": 1, \"a\": 2, \"B\": 3, \"A\": 4, \"\\u0041\": 5}"), rules, &err);
    assert_null(index);
    assert_non_null(
        strstr(err.text, ":1: duplicate key: \"a\" of line 1 and \"A\" are the same key"));
    key_rules_free(&rules);
}

static void test_json_index_is_sorted(void **state)
{
    struct error err = {0};
    struct json_index *index =
        read_text(SPAN("{\"b\": 1, \"a\": [2], \"\\u0061b\": \"3\", \"\": null}"), &err);
    static const struct {
        struct span key, value;
    } members[] = {{TEXT(""), TEXT("null")},
                   {TEXT("a"), TEXT("[2]")},
                   {TEXT("ab"), TEXT("\"3\"")},
                   {TEXT("b"), TEXT("1")}};

    (void)state;
    assert_non_null(index);
    assert_int_equal(json_index_count(index), ARRAY_LEN(members));
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        assert_true(span_equal(json_index_key(index, i), members[i].key));
        assert_true(span_equal(json_index_value(index, i), members[i].value));
    }
    json_index_unref(&index, NULL);
    assert_null(index);
    json_index_unref(&index, NULL);
}

static void test_json_index_find(void **state)
{
    static const struct {
        struct span key;
        size_t at;
    } cases[] = {{TEXT(""), 0},    {TEXT("a"), 0}, {TEXT("aa"), 1}, {TEXT("ab"), 1},
                 {TEXT("abc"), 2}, {TEXT("c"), 2}, {TEXT("d"), 3},  {TEXT("\xff"), 3}};
    struct error err = {0};
    struct json_index *index = read_text(SPAN("{\"c\": 1, \"a\": 2, \"ab\": 3}"), &err);

    (void)state;
    assert_non_null(index);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (json_index_find(index, cases[i].key) != cases[i].at)
            fail_msg("case %zu: %zu", i, json_index_find(index, cases[i].key));
    }
    json_index_unref(&index, NULL);
}

static void test_json_index_many_members(void **state)
{
    enum { MEMBERS = 5000 };
    struct error err = {0};
    struct json_index *index;
    struct buf text;

    (void)state;
    buf_init(&text, SIZE_MAX);
    for (unsigned i = MEMBERS; i > 0; i--) {
        char member[32];

        snprintf(member, sizeof(member), "%c\"%05u\": %u", i == MEMBERS ? '{' : ',', i, i);
        buf_add(&text, span_of(member));
    }
    buf_add_char(&text, '}');
    index = read_text(buf_span(&text), &err);
    buf_deinit(&text);
    assert_non_null(index);
    assert_int_equal(json_index_count(index), MEMBERS);
    assert_true(span_equal(json_index_key(index, 0), SPAN("00001")));
    assert_int_equal(json_index_find(index, SPAN("04999")), 4998);
    json_index_unref(&index, NULL);
}

static void test_json_index_faults(void **state)
{
    static const struct {
        struct span text;
        const char *fault;
    } cases[] = {
        {TEXT(""), "the text is empty"},
        {TEXT("[]"), "not a JSON object"},
        {TEXT("{"), "unexpected end"},
        {TEXT("{\"a\": 1, \"a\": 2}"), ":1: duplicate key \"a\", which is in line 1 already"},
        {TEXT("{\n\"a\": 1,\n \"b\": 1,\n\n\"\\u0061\": 2}"),
         ":5: duplicate key \"a\", which is in line 2 already"},
        {TEXT("a@b c@d\n"), "not a JSON object, { \"KEY\": \"VALUE\" }: unexpected character 'a'"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        if (read_text(cases[i].text, &err) != NULL || strstr(err.text, cases[i].fault) == NULL ||
            strncmp(err.text, "/proc/self/fd/", 14) != 0)
            fail_msg("case %zu: %s", i, err.text);
    }
}

static void test_json_index_of_what_is_not_a_file(void **state)
{
    struct error err = {0};

    (void)state;
    assert_null(json_index_read("/nowhere/to/be/found", NULL, NULL, &err));
    assert_string_equal(err.text, "/nowhere/to/be/found: No such file or directory");
    assert_null(json_index_read("/", NULL, NULL, &err));
    assert_string_equal(err.text, "/: not a regular file");
}

static void test_json_index_cancelled(void **state)
{
    atomic_bool is_cancelled;
    struct error err = {0};
    struct fake_file file;

    (void)state;
    atomic_init(&is_cancelled, true);
    fake_file_open(&file, SPAN("{\"a\": 1}"));
    assert_null(json_index_read(file.path, NULL, &is_cancelled, &err));
    assert_non_null(strstr(err.text, "reading was cancelled"));
    fake_file_close(&file);
}

/* The last reference frees it. */
static void test_json_index_references(void **state)
{
    struct error err = {0};
    struct json_index *index = read_text(SPAN("{}"), &err), *other;

    (void)state;
    assert_non_null(index);
    assert_int_equal(json_index_count(index), 0);
    assert_int_equal(json_index_find(index, SPAN("a")), 0);
    other = json_index_ref(index);
    json_index_unref(&index, NULL);
    assert_int_equal(json_index_count(other), 0);
    json_index_unref(&other, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_index_is_sorted),
        cmocka_unit_test(test_json_index_normal_form),
        cmocka_unit_test(test_json_index_find),
        cmocka_unit_test(test_json_index_many_members),
        cmocka_unit_test(test_json_index_faults),
        cmocka_unit_test(test_json_index_of_what_is_not_a_file),
        cmocka_unit_test(test_json_index_cancelled),
        cmocka_unit_test(test_json_index_references),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
