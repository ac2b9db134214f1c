#include "unit.h"

#include "table/url/url_status.h"

static void add_code(struct status_set *set, unsigned code)
{
    set->codes[(code - 100) / 64] |= (uint64_t)1 << (code - 100) % 64;
}

static void add_class(struct status_set *set, unsigned code)
{
    set->classes |= 1u << code / 100;
}

static bool is_listed(const unsigned *list, size_t count, unsigned status)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i] == status)
            return true;
    }
    return false;
}

/* Every status, for a table that sends no credentials. */
static void test_usual_meaning_of_every_status(void **state)
{
    static const unsigned about_request[] = {405, 406, 407, 408, 411, 412, 413, 415,
                                             417, 421, 425, 426, 428, 429, 431};
    const struct url_statuses s = {0};

    (void)state;
    for (unsigned status = 100; status < 1000; status++) {
        const bool is_4xx = status >= 400 && status < 500;
        const bool is_miss =
            status == 204 ||
            (is_4xx && !is_listed(about_request, ARRAY_LEN(about_request), status));

        if (url_status_is_miss(&s, status) != is_miss)
            fail_msg("%u: is%s a miss", status, is_miss ? " not" : "");
        if (url_status_is_failure(&s, status) != (status >= 500))
            fail_msg("%u: is%s a failure", status, status >= 500 ? " not" : "");
    }
}

/* A wrong token must not bounce mail. */
static void test_denials_when_credentials_are_sent(void **state)
{
    static const struct {
        bool sends_credentials, has_certificate;
        unsigned status;
        bool is_miss;
    } cases[] = {
        {false, false, 401, true}, {false, false, 403, true}, {false, false, 400, true},
        {true, false, 401, false}, {true, false, 403, false}, {true, false, 400, true},
        {true, true, 401, false},  {true, true, 403, false},  {true, true, 400, false},
        {true, true, 404, true},   {true, true, 410, true},   {true, true, 422, true},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct url_statuses s = {.sends_credentials = cases[i].sends_credentials,
                                       .has_certificate = cases[i].has_certificate};

        if (url_status_is_miss(&s, cases[i].status) != cases[i].is_miss)
            fail_msg("case %zu: status %u", i, cases[i].status);
    }
}

/* A code takes precedence over a class, and temporary over miss. */
static void test_settings_override_the_rules(void **state)
{
    struct url_statuses s = {0};

    (void)state;
    add_code(&s.miss, 503);
    add_class(&s.miss, 200);
    add_code(&s.temporary, 404);
    add_code(&s.temporary, 201);
    assert_true(url_status_is_miss(&s, 503));
    assert_false(url_status_is_failure(&s, 503));
    assert_true(url_status_is_failure(&s, 502));
    assert_true(url_status_is_miss(&s, 202));
    assert_false(url_status_is_miss(&s, 201));
    assert_false(url_status_is_miss(&s, 404));
    assert_true(url_status_is_miss(&s, 410));
    add_class(&s.temporary, 400);
    assert_false(url_status_is_miss(&s, 410));
    add_code(&s.miss, 410);
    assert_true(url_status_is_miss(&s, 410));
    add_code(&s.temporary, 410);
    assert_false(url_status_is_miss(&s, 410));
}

static void test_which_statuses_are_logged(void **state)
{
    static const struct {
        unsigned status;
        bool is_lookup, is_logged;
    } cases[] = {
        {200, true, false}, {204, true, false},  {404, true, false},  {410, true, false},
        {500, true, false}, {429, true, false},  {401, true, true},   {403, true, true},
        {407, true, true},  {401, false, true},  {403, false, true},  {400, true, true},
        {422, true, true},  {400, false, false}, {422, false, false}, {404, false, false},
    };
    struct log log;

    (void)state;
    log_init(&log);
    log.level = LOG_LEVEL_ERROR;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_statuses s = {0};

        url_status_log_odd(&s, cases[i].status, cases[i].is_lookup, &log, "t");
        if (s.odd_count != cases[i].is_logged)
            fail_msg("status %u, lookup: %d", cases[i].status, cases[i].is_lookup);
        assert_int_equal(s.odd_log[cases[i].status % 100].was_logged, cases[i].is_logged);
    }
}

/* A status that the settings list as a miss is not logged. Each other status is logged once a
 * minute, with a count. */
static void test_log_is_limited_by_status(void **state)
{
    struct url_statuses s = {0};
    struct log log;
    uint64_t logged_at_ms;

    (void)state;
    log_init(&log);
    log.level = LOG_LEVEL_ERROR;
    add_code(&s.miss, 422);
    url_status_log_odd(&s, 422, true, &log, "t");
    assert_int_equal(s.odd_count, 0);
    url_status_log_odd(&s, 400, true, &log, "t");
    logged_at_ms = s.odd_log[0].logged_at_ms;
    assert_false(s.odd_log[1].was_logged);
    url_status_log_odd(&s, 401, true, &log, "t");
    url_status_log_odd(&s, 400, true, &log, "t");
    assert_int_equal(s.odd_count, 3);
    assert_true(s.odd_log[1].was_logged);
    assert_int_equal(s.odd_log[0].logged_at_ms, logged_at_ms);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual_meaning_of_every_status),
        cmocka_unit_test(test_denials_when_credentials_are_sent),
        cmocka_unit_test(test_settings_override_the_rules),
        cmocka_unit_test(test_which_statuses_are_logged),
        cmocka_unit_test(test_log_is_limited_by_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
