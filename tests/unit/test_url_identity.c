#include "url_case.h"

#include "table/identity.h"
#include "table/url/url_identity.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, url_case_setup, url_case_teardown)

static struct url_table *open_with(struct url_case *c, const char *first, const char *second,
                                   const char *commit_url)
{
    const struct url_settings config = {.commit_url = (char *)(uintptr_t)commit_url};

    return url_case_open(c, &config, (const char *const[URL_CASE_URLS_MAX]){first, second});
}

static void test_choice(void **state)
{
    static const struct {
        const char *first, *second, *commit_url;
        enum url_identity identity;
        bool invalidates_all;
    } cases[] = {
        {"BACKEND/§", NULL, NULL, URL_IDENTITY_PLAIN, false},
        {"BACKEND/a/§", "BACKEND/b?k={}", NULL, URL_IDENTITY_PLAIN, false},
        {"BACKEND/a/§", NULL, "BACKEND/commit", URL_IDENTITY_PLAIN, false},
        {"BACKEND/fixed", NULL, NULL, URL_IDENTITY_FIRST, false},
        {"BACKEND/{user}/§", NULL, NULL, URL_IDENTITY_FIRST, false},
        {"BACKEND/{user}/§", "BACKEND/b/{user}/§", NULL, URL_IDENTITY_FIRST, false},
        {"BACKEND/{user}/§", NULL, "BACKEND/commit", URL_IDENTITY_FIRST, true},
        {"BACKEND/{table}/§", NULL, NULL, URL_IDENTITY_PLAIN, false},
        {"BACKEND/{domain}/§", NULL, NULL, URL_IDENTITY_FIRST, false},
        {"BACKEND/{domain}/{local}", NULL, "BACKEND/commit", URL_IDENTITY_FIRST, true},
        {"BACKEND/{domain}/§", "BACKEND/§", NULL, URL_IDENTITY_ALL, true},
        {"BACKEND/{local}/§", "BACKEND/{domain}/§", NULL, URL_IDENTITY_ALL, true},
        {"BACKEND/§", "BACKEND/{user}/§", NULL, URL_IDENTITY_ALL, true},
        {"BACKEND/§/{user}", "BACKEND/{user}/§", NULL, URL_IDENTITY_ALL, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_table *t =
            open_with(*state, cases[i].first, cases[i].second, cases[i].commit_url);

        if (t->identity != cases[i].identity)
            fail_msg("case %zu: identity %d", i, t->identity);
        if (url_identity_is_plain(&t->base) != (cases[i].identity == URL_IDENTITY_PLAIN))
            fail_msg("case %zu: is plain", i);
        if (url_identity_invalidates_all(&t->base) != cases[i].invalidates_all)
            fail_msg("case %zu: forgets all", i);
        url_case_close(t);
    }
}

static bool are_equal(struct url_table *t, const struct table_key *a, const struct table_key *b)
{
    struct identity of_a, of_b;
    bool are_equal;

    assert_true(url_identity_fill(&t->base, a, &of_a));
    assert_true(url_identity_fill(&t->base, b, &of_b));
    are_equal = span_equal(of_a.bytes, of_b.bytes);
    identity_free(&of_a);
    identity_free(&of_b);
    return are_equal;
}

static void test_keys_with_one_url(void **state)
{
    const struct table_key a = {.key = SPAN("a")}, b = {.key = SPAN("b")};
    const struct table_key of_u = {.key = SPAN("a"), .user = SPAN("u"), .is_private = true};
    const struct table_key of_v = {.key = SPAN("a"), .user = SPAN("v"), .is_private = true};
    struct url_table *t = open_with(*state, "BACKEND/fixed", NULL, NULL);

    assert_true(are_equal(t, &a, &b));
    url_case_close(t);
    t = open_with(*state, "BACKEND/{user}", NULL, NULL);
    assert_false(are_equal(t, &of_u, &of_v));
    url_case_close(t);
    t = open_with(*state, "BACKEND/fixed", "BACKEND/{user}/§", NULL);
    assert_false(are_equal(t, &a, &b)); /* the second URL distinguishes them */
    assert_false(are_equal(t, &of_u, &of_v));
    assert_true(are_equal(t, &of_u, &of_u));
    url_case_close(t);
}

/* The body of a POST has user and key apart, whatever the URL is. */
static void test_keys_in_a_body(void **state)
{
    const struct url_settings settings = {.lookup = LOOKUP_POST};
    static const struct table_key keys[] = {
        {.key = TEXT("a/u")}, {TEXT("a"), TEXT("u"), true}, {TEXT("a"), TEXT("v"), true},
        {.key = TEXT("b")},   {TEXT("b"), TEXT(""), true},  {TEXT(""), TEXT("a/u"), true},
    };
    struct url_table *t = url_case_open(
        *state, &settings, (const char *const[URL_CASE_URLS_MAX]){"BACKEND/{user}", "BACKEND/§"});

    assert_int_equal(t->identity, URL_IDENTITY_BODY);
    assert_false(url_identity_is_plain(&t->base));
    assert_false(url_identity_invalidates_all(&t->base));
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        for (size_t j = 0; j < ARRAY_LEN(keys); j++) {
            if (are_equal(t, &keys[i], &keys[j]) != (i == j))
                fail_msg("keys %zu and %zu", i, j);
        }
    }
    url_case_close(t);
}

/* A key that has no URL is distinguished by its bytes. */
static void test_keys_without_a_url(void **state)
{
    const struct table_key one = {.key = SPAN(".")}, two = {.key = SPAN("..")};
    struct url_table *t = open_with(*state, "BACKEND/{user}/§", NULL, NULL);

    assert_false(are_equal(t, &one, &two));
    assert_true(are_equal(t, &one, &one));
    url_case_close(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CASE(test_choice),
        WITH_CASE(test_keys_with_one_url),
        WITH_CASE(test_keys_without_a_url),
        WITH_CASE(test_keys_in_a_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
