#include "unit.h"

#include "monitor/web_body.h"

enum { LEN = 3 * WEB_PIECE_BYTES + 17 };

static char text[LEN];

static struct span part(size_t begin, size_t end)
{
    return (struct span){text + begin, end - begin};
}

static void assert_whole(const struct web_body *body, size_t len)
{
    size_t at = 0;

    assert_int_equal(body->len, len);
    while (at < len) {
        const struct span bytes = web_body_at(body, at);

        assert_in_range(bytes.len, 1, WEB_PIECE_BYTES);
        assert_memory_equal(bytes.ptr, text + at, bytes.len);
        at += bytes.len;
    }
    assert_int_equal(at, len);
}

/* Whatever the parts in which it is added, the body is their sum. */
static void test_add(void **state)
{
    static const size_t steps[] = {1000, 8192, WEB_PIECE_BYTES - 1, WEB_PIECE_BYTES, LEN};

    (void)state;
    for (size_t i = 0; i < LEN; i++)
        text[i] = (char)(i * 31 >> 3);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct web_body *body = web_body_new();

        for (size_t at = 0; at < LEN; at += steps[i])
            web_body_add(body, part(at, at + steps[i] < LEN ? at + steps[i] : LEN));
        assert_whole(body, LEN);
        assert_int_equal(body->piece_count, 4);
        web_body_unref(&body);
        assert_null(body);
    }
}

static void test_exact_pieces(void **state)
{
    struct web_body *body = web_body_of(part(0, 2 * WEB_PIECE_BYTES));

    (void)state;
    assert_whole(body, 2 * WEB_PIECE_BYTES);
    assert_int_equal(body->piece_count, 2);
    web_body_unref(&body);
}

static void test_empty(void **state)
{
    struct web_body *body = web_body_of(SPAN("")), *other = web_body_ref(body);

    (void)state;
    assert_int_equal(body->len, 0);
    web_body_unref(&body);
    assert_int_equal(other->refs, 1);
    web_body_unref(&other);
    web_body_unref(&other); /* NULL */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_add),
        cmocka_unit_test(test_exact_pieces),
        cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
