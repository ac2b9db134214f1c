#include "unit.h"

#include "podop/disposal.h"

#include <sys/mman.h>
#include <unistd.h>

enum { MIB = 1024 * 1024 };

struct thing {
    struct disposable base;
    unsigned pieces;
    struct thing *child; /* added to the disposal when this one is freed */
};

static struct disposal disposal;
static unsigned order[16], gone, wakes;

static void on_wake(void *arg)
{
    assert_ptr_equal(arg, &wakes);
    wakes++;
}

static bool give_back_some(struct disposable *base)
{
    struct thing *t = CONTAINER_OF(base, struct thing, base);

    order[gone++] = t->pieces;
    if (--t->pieces % 10 > 0)
        return true;
    if (t->child != NULL)
        disposal_add(&disposal, &t->child->base);
    free(t);
    return false;
}

static struct thing *thing(unsigned pieces, struct thing *child)
{
    struct thing *t = xmalloc(sizeof(*t));

    *t = (struct thing){{NULL, give_back_some}, pieces, child};
    return t;
}

static int setup(void **state)
{
    (void)state;
    gone = wakes = 0;
    disposal_init(&disposal, on_wake, &wakes);
    return 0;
}

static void assert_order(const unsigned *expected, unsigned count)
{
    assert_int_equal(gone, count);
    assert_memory_equal(order, expected, count * sizeof(*expected));
}

static void test_disposal_one_piece_at_a_time(void **state)
{
    (void)state;
    disposal_add(&disposal, &thing(12, NULL)->base);
    disposal_add(&disposal, &thing(23, NULL)->base);
    assert_int_equal(gone, 0);
    assert_int_equal(wakes, 1);
    for (unsigned i = 1; i < 5; i++) {
        assert_true(disposal_run(&disposal));
        assert_int_equal(gone, i);
    }
    assert_false(disposal_run(&disposal));
    assert_false(disposal_run(&disposal));
    assert_order((const unsigned[]){12, 11, 23, 22, 21}, 5);
    disposal_add(&disposal, &thing(31, NULL)->base);
    assert_int_equal(wakes, 2);
    disposal_deinit(&disposal);
    assert_int_equal(gone, 6);
}

/* A structure may own another large one. */
static void test_disposal_grows_while_it_runs(void **state)
{
    (void)state;
    disposal_add(&disposal, &thing(11, thing(22, thing(31, NULL)))->base);
    disposal_add(&disposal, &thing(41, NULL)->base);
    disposal_deinit(&disposal);
    assert_order((const unsigned[]){11, 41, 22, 21, 31}, 5);
}

static void test_disposal_none(void **state)
{
    (void)state;
    disposal_add(NULL, &thing(13, NULL)->base);
    assert_int_equal(gone, 3);
}

static size_t resident_pages(void *memory, size_t bytes)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    static unsigned char pages[64 * MIB / 4096];
    size_t count = 0;

    assert_int_equal(mincore(memory, bytes, pages), 0);
    for (size_t i = 0; i < bytes / page; i++)
        count += pages[i] & 1;
    return count;
}

/* Pages are returned from the end of the allocation, and none outside of it. */
static void test_disposal_shrink(void **state)
{
    const size_t bytes = 64 * MIB, page = (size_t)sysconf(_SC_PAGESIZE);
    char *all = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *begin = all + 100;
    size_t left = bytes - 200;
    unsigned pieces = 0;

    (void)state;
    assert_ptr_not_equal(all, MAP_FAILED);
    madvise(all, bytes, MADV_NOHUGEPAGE);
    memset(all, 'x', bytes);
    for (size_t before = left; disposal_shrink(begin, &left); before = left, pieces++) {
        assert_true(left < before);
        assert_true(before - left <= 4 * MIB);
    }
    assert_true(pieces >= 16);
    assert_true(resident_pages(all, bytes) * page < 6 * MIB);
    assert_int_equal(begin[0], 'x');
    assert_int_equal(begin[-1], 'x');
    assert_int_equal(begin[bytes - 200], 'x');
    munmap(all, bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_disposal_one_piece_at_a_time, setup),
        cmocka_unit_test_setup(test_disposal_grows_while_it_runs, setup),
        cmocka_unit_test_setup(test_disposal_none, setup),
        cmocka_unit_test(test_disposal_shrink),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
