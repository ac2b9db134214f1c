#include "unit.h"

#include "podop/table_handle.h"

#include "table/url/url_key_parts.h"

static void test_url_key_parts(void **state)
{
    static const struct {
        struct table_key key;
        const char *delimiters;
        struct span local, extension, domain;
    } cases[] = {
        {{.key = TEXT("a+b@d")}, "+", TEXT("a"), TEXT("b"), TEXT("d")},
        {{.key = TEXT("a+b@d")}, "", TEXT("a+b"), TEXT(""), TEXT("d")},
        {{.key = TEXT("a-b+c@d")}, "+-", TEXT("a"), TEXT("b+c"), TEXT("d")},
        {{.key = TEXT("a+@d")}, "+", TEXT("a"), TEXT(""), TEXT("d")},
        {{.key = TEXT("+a@d")}, "+", TEXT("+a"), TEXT(""), TEXT("d")},
        {{.key = TEXT("x-request@d")}, "-", TEXT("x-request"), TEXT(""), TEXT("d")},
        {{.key = TEXT("Postmaster+x@d")}, "+", TEXT("Postmaster"), TEXT("x"), TEXT("d")},
        {{.key = TEXT("\"a b+c\"@d")}, "+", TEXT("\"a b\""), TEXT("c"), TEXT("d")},
        {{.key = TEXT("\"a@b\"@d")}, "+", TEXT("\"a@b\""), TEXT(""), TEXT("d")},
        {{.key = TEXT("a@b@d")}, "+", TEXT("a@b"), TEXT(""), TEXT("d")},
        {{.key = TEXT("d+e")}, "+", TEXT(""), TEXT(""), TEXT("d+e")},
        {{.key = TEXT("@d")}, "+", TEXT(""), TEXT(""), TEXT("d")},
        {{.key = TEXT("a@")}, "+", TEXT("a"), TEXT(""), TEXT("")},
        {{.key = TEXT("")}, "+", TEXT(""), TEXT(""), TEXT("")},
        {{TEXT("k+l@x"), TEXT("u+v@d"), true}, "+", TEXT("u"), TEXT("v"), TEXT("d")},
        {{TEXT("k@x"), TEXT("u"), true}, "+", TEXT(""), TEXT(""), TEXT("u")},
        {{TEXT("k@x"), TEXT("u@d"), false}, "+", TEXT("k"), TEXT(""), TEXT("x")},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_key_parts p;

        url_key_parts_init(&p, &cases[i].key, cases[i].delimiters);
        if (!span_equal(p.local, cases[i].local) || !span_equal(p.extension, cases[i].extension) ||
            !span_equal(p.domain, cases[i].domain))
            fail_msg("case %zu: '%.*s' '%.*s' '%.*s'", i, (int)p.local.len, p.local.ptr,
                     (int)p.extension.len, p.extension.ptr, (int)p.domain.len, p.domain.ptr);
        url_key_parts_deinit(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_url_key_parts)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
