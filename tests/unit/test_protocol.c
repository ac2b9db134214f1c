#include "unit.h"

#include "podop/protocol.h"

static unsigned destroyed;

static void destroy(struct service *service)
{
    assert_int_equal(service->refs, 0);
    destroyed++;
}

static void test_service_is_destroyed_with_its_last_reference(void **state)
{
    struct service service = {.refs = 1, .destroy = destroy};
    struct service *first = &service, *second, *none = NULL;

    (void)state;
    destroyed = 0;
    second = service_ref(first);
    assert_ptr_equal(second, first);
    service_unref(&first);
    assert_null(first);
    assert_int_equal(destroyed, 0);
    service_unref(&second);
    assert_null(second);
    assert_int_equal(destroyed, 1);
    service_unref(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_service_is_destroyed_with_its_last_reference),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
