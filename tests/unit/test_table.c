/* test_table.c - the life of a table, and the list of types. */
#include "lookup_case.h"

#include "table/table_type.h"

/* The last lookup, answered or cancelled, has the last reference. */
static void test_table_ends_with_its_last_answer(void **state)
{
    (void)state;
    for (int is_cancelled = 0; is_cancelled <= 1; is_cancelled++) {
        struct caller c = {0};
        bool is_closed = false;

        loop = ev_loop_new(EVFLAG_AUTO);
        fake_table_open(&fake, "old", &(struct table_config){0}, loop);
        fake.is_closed = &is_closed;
        ask(&c, fake.table, "key");
        fake_table_close(&fake);
        assert_false(is_closed);
        if (is_cancelled)
            table_op_cancel(&c.op);
        else
            fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
        assert_int_equal(c.answers, !is_cancelled);
        assert_true(is_closed);
        ev_loop_destroy(loop);
    }
}

/* After a reload, lookups that wait are answered by the old table. */
static void test_table_lives_while_a_lookup_waits(void **state)
{
    struct caller later = {0}, now = {0}, cancelled = {0};
    bool is_closed = false;

    (void)state;
    loop = ev_loop_new(EVFLAG_AUTO);
    fake_table_open(&fake, "old", &(struct table_config){0}, loop);
    fake.answers_at_once = at_once;
    fake.is_closed = &is_closed;
    ask(&later, fake.table, "key");
    ask(&now, fake.table, "now");
    ask(&cancelled, fake.table, "key");
    fake_table_close(&fake);
    assert_null(fake.table);
    run();
    assert_found(&now, "now");
    assert_false(is_closed);
    table_op_cancel(&cancelled.op);
    assert_false(is_closed);
    fake_table_answer(&fake, 0, &(struct reply){.status = REPLY_MISS});
    assert_int_equal(later.answers, 1);
    assert_true(is_closed);
    fake_table_close(&fake); /* NULL is fine */
    ev_loop_destroy(loop);
}

static void test_table_unknown_type(void **state)
{
    char name[] = "a", type[] = "ldap", param[] = "x";
    const struct table_config config = {.name = name, .type = type, .param = param};
    const struct table_env env = {0};
    struct error err = {0};

    (void)state;
    assert_null(table_open(&config, &env, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_non_null(strstr(err.text, "ldap"));
}

/* Settings for writes are for the types that can write, and for no other. */
static void test_types_say_whether_they_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < table_types.count; i++) {
        const struct config_type *type = table_types.items[i];
        const struct table_ops *ops =
            (const void *)((const char *)type - offsetof(struct table_ops, config));

        if (type->can_write != (ops->commit != NULL))
            fail_msg("type '%s': can_write is %d", type->name, type->can_write);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_ends_with_its_last_answer),
        cmocka_unit_test(test_table_lives_while_a_lookup_waits),
        cmocka_unit_test(test_table_unknown_type),
        cmocka_unit_test(test_types_say_whether_they_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
