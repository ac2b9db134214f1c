#include "unit.h"

#include "table/url/url_health.h"

/* The last reference frees it: a sanitizer would find a leak or a second free. */
static void test_references(void **state)
{
    struct url_health *none = NULL;
    struct url_health *first = url_health_new(2);
    struct url_health *second = url_health_ref(first);

    (void)state;
    assert_ptr_equal(first, second);
    assert_int_equal(first->of[1].requests, 0);
    assert_false(breaker_is_open(&first->of[1].breaker));
    url_health_unref(&first);
    assert_null(first);
    second->of[1].requests++;
    url_health_unref(&second);
    assert_null(second);
    url_health_unref(&none);
}

static void test_hash_keys_differ(void **state)
{
    struct url_health *a = url_health_new(1), *b = url_health_new(1);

    (void)state;
    assert_int_not_equal(hash_span(&a->hash_key, SPAN("key")),
                         hash_span(&b->hash_key, SPAN("key")));
    url_health_unref(&a);
    url_health_unref(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_references),
        cmocka_unit_test(test_hash_keys_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
