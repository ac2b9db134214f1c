#include "unit.h"

#include "table/url/url_dots.h"

/* Text of the template, a key, and text again; each may be cut anywhere. */
static const struct {
    const char *before, *key, *after;
    bool has_dots;
} cases[] = {
    {"/", "", "", false},          {"", "", "", false},           {"/a/", "k", "", false},
    {"/a/", ".", "", true},        {"/a/", "..", "", true},       {"/a/", "...", "", false},
    {"/a/", "....", "", false},    {"/a/", "..", "/b", true},     {"/a/", "..", "b", false},
    {"/a/", "a../", "b", false},   {"/a/", "a/../", "b", true},   {"/a/", ".", ".", true},
    {"/a/.", "", "", true},        {"/a/.", "k", "", false},      {"/./", "k", "", true},
    {"/a/", "%2F..", "", false}, /* an escape of the key is no slash */
    {"/a/", "%252e", "", false},   {"/a/", "..", "?x", true},     {"/a?", "..", "", false},
    {"/a?/", "../", "/..", false}, {"/a?", "k", "?/../", false},  {"/%2e", "", "", true},
    {"/%2E", ".", "", true},       {"/%2e%2e%2e", "", "", false}, {"/a%2f", ".", "%2F", true},
    {"/%2", "e", "", true},        {"/%", "2e", "", true},        {"/%", "2E", "k", false},
    {"/%", "%25", "", false},      {"/%25", "..", "", false},     {"/%%2e", "", "", false},
    {"/%", "..", "", false},       {"/%", "/..", "", true},       {"/%2", "/..", "", true},
    {"/..%", "", "", false},       {"/..%", "", "?", false},      {"/%2", "", "?/..", false},
    {"/%2g", "", "/..", true},
};

static bool has_dots(size_t i, bool is_cut)
{
    struct url_dots dots = {0};
    const struct span texts[] = {span_of(cases[i].before), span_of(cases[i].key),
                                 span_of(cases[i].after)};

    for (size_t n = 0; n < ARRAY_LEN(texts); n++) {
        const size_t step = is_cut ? 1 : texts[n].len;

        for (struct span rest = texts[n]; rest.len > 0; rest = span_skip(rest, step)) {
            if (n == 1)
                url_dots_add_key(&dots, (struct span){rest.ptr, step});
            else
                url_dots_add_text(&dots, (struct span){rest.ptr, step});
        }
    }
    return url_dots_end(&dots);
}

static void test_url_dots(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (has_dots(i, false) != cases[i].has_dots || has_dots(i, true) != cases[i].has_dots)
            fail_msg("'%s' '%s' '%s'", cases[i].before, cases[i].key, cases[i].after);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_url_dots)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
