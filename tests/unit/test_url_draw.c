#include "unit.h"

#include "table/url/url_draw.h"

enum { SERVERS = 4, DRAWS = 40000, SEEDS = 20 };

struct server {
    uint32_t load;
    unsigned drawn;
};

static uint32_t load(const void *arg, size_t i)
{
    return ((const struct server *)arg)[i].load;
}

static void draw_many(struct server *servers, uint64_t seed)
{
    struct url_draw draw = {seed};

    for (unsigned i = 0; i < DRAWS; i++) {
        const size_t at = url_draw_take(&draw, 0, SERVERS, load, servers);

        assert_in_range(at, 0, SERVERS - 1);
        servers[at].drawn++;
    }
}

/* With fixed loads, a server is drawn if it is one of the two and the other is not less busy. */
static void test_shares(void **state)
{
    static const struct {
        const char *name;
        uint32_t loads[SERVERS];
        unsigned percent[SERVERS];
    } cases[] = {
        {"equal", {3, 3, 3, 3}, {25, 25, 25, 25}},
        {"one is busy", {9, 0, 0, 0}, {0, 33, 33, 33}},
        {"one is free", {5, 0, 5, 5}, {17, 50, 17, 17}},
        {"each is busier", {0, 1, 2, 3}, {50, 33, 17, 0}},
        {"one is left out", {URL_DRAW_NEVER, 1, 1, 1}, {0, 33, 33, 33}},
        {"two are left", {URL_DRAW_NEVER, 1, URL_DRAW_NEVER, 1}, {0, 50, 0, 50}},
        {"the less busy of two", {0, URL_DRAW_NEVER, 1, URL_DRAW_NEVER}, {100, 0, 0, 0}},
        {"one is left", {URL_DRAW_NEVER, URL_DRAW_NEVER, 7, URL_DRAW_NEVER}, {0, 0, 100, 0}},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) {
            struct server servers[SERVERS] = {{0}};

            for (size_t k = 0; k < SERVERS; k++)
                servers[k].load = cases[i].loads[k];
            draw_many(servers, seed);
            for (size_t k = 0; k < SERVERS; k++) {
                const unsigned percent = (servers[k].drawn + DRAWS / 200) / (DRAWS / 100);

                AT_CASE("%s, seed %u, server %zu: %u percent", cases[i].name, (unsigned)seed, k,
                        percent);
                assert_in_range(percent + 1, cases[i].percent[k], cases[i].percent[k] + 2);
                assert_true(cases[i].percent[k] != 0 || servers[k].drawn == 0);
            }
        }
    }
}

static void test_none_is_left(void **state)
{
    struct server servers[SERVERS] = {
        {URL_DRAW_NEVER, 0}, {URL_DRAW_NEVER, 0}, {URL_DRAW_NEVER, 0}, {0, 0}};
    struct url_draw draw = {1};

    (void)state;
    assert_int_equal(url_draw_take(&draw, 0, 3, load, servers), 3);
    assert_int_equal(url_draw_take(&draw, 2, 2, load, servers), 2);
    assert_int_equal(url_draw_take(&draw, 2, SERVERS, load, servers), 3);
}

/* One request begins at each step. Server 0 ends one in 40 steps, the others one in 3. */
static void test_slow_server_gets_fewer(void **state)
{
    static const unsigned steps[SERVERS] = {40, 3, 3, 3};
    struct server servers[SERVERS] = {{0}};
    struct url_draw draw = {1};

    (void)state;
    for (unsigned i = 0; i < DRAWS; i++) {
        const size_t at = url_draw_take(&draw, 0, SERVERS, load, servers);

        servers[at].load++;
        servers[at].drawn++;
        for (size_t k = 0; k < SERVERS; k++)
            servers[k].load -= i % steps[k] == 0 && servers[k].load > 0;
    }
    assert_in_range(servers[0].drawn, DRAWS / 100, DRAWS / 20);
}

/* The same seed draws the same servers, another one draws others. */
static void test_seed(void **state)
{
    struct server servers[SERVERS] = {{0}};
    struct url_draw a = {7}, b = {7}, c = {8};
    unsigned same = 0;

    (void)state;
    for (unsigned i = 0; i < 1000; i++) {
        const size_t at = url_draw_take(&a, 0, SERVERS, load, servers);

        assert_int_equal(url_draw_take(&b, 0, SERVERS, load, servers), at);
        same += url_draw_take(&c, 0, SERVERS, load, servers) == at;
    }
    assert_in_range(same, 150, 350);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_none_is_left),
        cmocka_unit_test(test_slow_server_gets_fewer),
        cmocka_unit_test(test_seed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
