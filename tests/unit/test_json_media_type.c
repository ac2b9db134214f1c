#include "unit.h"

#include "podop/json_media_type.h"

static void test_media_types(void **state)
{
    static const struct {
        struct span type;
        bool is_json;
    } cases[] = {
        {TEXT("application/json"), true},
        {TEXT("Application/JSON"), true},
        {TEXT("application/problem+json"), true},
        {TEXT("APPLICATION/VND.API+JSON"), true},
        {TEXT("image/svg+json"), true},
        {TEXT("application/a+b+json"), true},
        {TEXT(""), false},
        {TEXT("json"), false},
        {TEXT("+json"), false},
        {TEXT("/json"), false},
        {TEXT("/x+json"), false},
        {TEXT("application/"), false},
        {TEXT("application/+json"), false},
        {TEXT("application/jsonp"), false},
        {TEXT("application/json-seq"), false},
        {TEXT("application/x-json"), false},
        {TEXT("application/problem+jsonx"), false},
        {TEXT("application/problem+xml"), false},
        {TEXT("text/json"), false},
        {TEXT("text/html"), false},
        {TEXT("text/html, application/json"), false},
        {TEXT("application/json, text/html"), false},
        {TEXT("text/html, application/x+json"), false},
        {TEXT("text/html application/x+json"), false},
        {TEXT("text/html/x+json"), false},
        {TEXT("application/x\0+json"), false},
        {TEXT("application/json\0"), false},
        {TEXT("application/json "), true},
        {TEXT("application/json; charset=utf-8"), true},
        {TEXT("application/json \t;"), true},
        {TEXT("Application/Problem+JSON;x=\";\""), true},
        {TEXT(" application/json"), false},
        {TEXT("application/json;x, text/html"), false},
        {TEXT("text/html; x=application/json"), false},
        {TEXT("text/html;application/json"), false},
        {TEXT(";"), false},
        {TEXT("(too long)"), false},
    };

    (void)state;
    assert_false(json_media_type((struct span){NULL, 0}));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        AT_CASE("%s", cases[i].type.ptr);
        assert_int_equal(json_media_type(cases[i].type), cases[i].is_json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_media_types),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
