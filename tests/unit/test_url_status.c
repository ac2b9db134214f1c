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

static struct http_answer of(unsigned status, const char *type)
{
    return (struct http_answer){.status = status, .content_type = type};
}

static bool is_miss(const struct url_statuses *s, unsigned status)
{
    const struct http_answer answer = of(status, NULL);

    return url_status_is_miss(s, &answer);
}

static bool is_failure(const struct url_statuses *s, unsigned status)
{
    const struct http_answer answer = of(status, NULL);

    return url_status_is_failure(s, &answer);
}

static void log_odd(struct url_statuses *s, unsigned status, bool is_lookup, struct log *log)
{
    const struct http_answer answer = of(status, NULL);

    url_status_log_odd(s, &answer, is_lookup, log, "t");
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
        const bool is_usual_miss =
            status == 204 ||
            (is_4xx && !is_listed(about_request, ARRAY_LEN(about_request), status));

        if (is_miss(&s, status) != is_usual_miss)
            fail_msg("%u: is%s a miss", status, is_usual_miss ? " not" : "");
        if (is_failure(&s, status) != (status >= 500))
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

        if (is_miss(&s, cases[i].status) != cases[i].is_miss)
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
    assert_true(is_miss(&s, 503));
    assert_false(is_failure(&s, 503));
    assert_true(is_failure(&s, 502));
    assert_true(is_miss(&s, 202));
    assert_false(is_miss(&s, 201));
    assert_false(is_miss(&s, 404));
    assert_true(is_miss(&s, 410));
    add_class(&s.temporary, 400);
    assert_false(is_miss(&s, 410));
    add_code(&s.miss, 410);
    assert_true(is_miss(&s, 410));
    add_code(&s.temporary, 410);
    assert_false(is_miss(&s, 410));
}

/* What would be a miss and is not the service's own one is a failure of the backend. Every status,
 * with several types. */
static void test_strict(void **state)
{
    static const char *const types[] = {NULL,
                                        "",
                                        "text/html",
                                        "text/plain",
                                        "application/json",
                                        "Application/Problem+JSON",
                                        "text/html, application/json"};
    const struct url_statuses strict = {.is_strict = true}, usual = {0};

    (void)state;
    for (unsigned status = 100; status < 1000; status++) {
        for (size_t i = 0; i < ARRAY_LEN(types); i++) {
            const struct http_answer answer = of(status, types[i]);
            const bool is_json = i == 4 || i == 5;
            const bool is_own = status == 204 || ((status == 404 || status == 410) && is_json);
            const bool is_doubted = url_status_is_miss(&usual, &answer) && !is_own;

            if (url_status_is_miss(&strict, &answer) != is_own ||
                url_status_is_failure(&strict, &answer) != (status >= 500 || is_doubted))
                fail_msg("%u %s", status, types[i] == NULL ? "no type" : types[i]);
        }
    }
}

/* The settings take precedence over strict. */
static void test_strict_and_settings(void **state)
{
    struct url_statuses s = {.is_strict = true, .sends_credentials = true};

    (void)state;
    assert_true(is_failure(&s, 404));
    assert_false(is_failure(&s, 403)); /* it was none before: it is final */
    add_code(&s.miss, 404);
    assert_true(is_miss(&s, 404));
    assert_false(is_failure(&s, 404));
    assert_false(is_miss(&s, 410));
    add_class(&s.miss, 400);
    assert_true(is_miss(&s, 410));
    add_code(&s.temporary, 410);
    assert_false(is_miss(&s, 410));
    assert_false(is_failure(&s, 410));
}

static void test_404_to_a_write(void **state)
{
    struct url_statuses s = {0};
    const struct http_answer html = of(404, "text/html"), json = of(404, "application/json"),
                             gone = of(410, "application/json");

    (void)state;
    assert_true(url_status_is_own_404(&s, &html));
    assert_false(url_status_is_own_404(&s, &gone));
    s.is_strict = true;
    assert_false(url_status_is_own_404(&s, &html));
    assert_true(url_status_is_own_404(&s, &json));
    assert_false(url_status_is_own_404(&s, &gone));
    add_code(&s.miss, 404);
    assert_true(url_status_is_own_404(&s, &html));
    add_code(&s.temporary, 404); /* for lookups only */
    assert_true(url_status_is_own_404(&s, &json));
}

/* What people are told of a status. */
static void test_words(void **state)
{
    static const struct {
        bool is_strict, sends_credentials;
        unsigned status;
        const char *type, *meaning, *reason;
    } cases[] = {
        {false, false, 204, "", "a miss: 204", "status 204"},
        {false, false, 404, "text/html", "a miss: the backend says", "status 404"},
        {false, false, 422, "", "a miss: this 4XX may be about the key", "status 422"},
        {false, false, 403, "", "a miss: this 4XX may be about the key", "status 403"},
        {false, true, 403, "", "a temporary failure: it may be about what podop sends",
         "status 403"},
        {true, false, 404, "application/json", "a miss: the backend says", "status 404"},
        {true, false, 404, "text/html", "a temporary failure: with 'strict'",
         "status 404 with Content-Type text/html, which is not the service's own \"not found\" "
         "(strict)"},
        {true, false, 410, "", "a temporary failure: with 'strict'",
         "status 410 without Content-Type, which is not the service's own \"not found\" (strict)"},
        {true, false, 410, NULL, "a temporary failure: with 'strict'",
         "status 410 without Content-Type, which is not the service's own \"not found\" (strict)"},
        {true, false, 422, "application/json", "a temporary failure: with 'strict'",
         "status 422, which is not the service's own \"not found\" (strict)"},
        {true, false, 429, "", "a temporary failure: this 4XX is about the request", "status 429"},
        {true, false, 500, "", "a temporary failure: 5XX", "status 500"},
        {true, false, 301, "", "a temporary failure: this status",
         "status 301: redirects are not followed"},
        {false, false, 304, "", "a temporary failure: this status", "status 304"},
        {false, false, 451, "", "a miss: 'miss' lists this status", "status 451"},
        {true, false, 418, "", "a temporary failure: 'temporary' lists this", "status 418"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct url_statuses s = {.is_strict = cases[i].is_strict,
                                 .sends_credentials = cases[i].sends_credentials};
        const struct http_answer answer = of(cases[i].status, cases[i].type);
        char reason[URL_STATUS_REASON_BYTES];

        add_code(&s.miss, 451);
        add_code(&s.temporary, 418);
        url_status_print_reason(&s, &answer, "status", reason);
        if (strcmp(reason, cases[i].reason) != 0)
            fail_msg("%zu: %s", i, reason);
        if (strstr(url_status_meaning(&s, &answer), cases[i].meaning) == NULL)
            fail_msg("%zu: %s", i, url_status_meaning(&s, &answer));
    }
}

/* The path of a target may have the key, and its user a password. */
static void test_targets_of_redirects(void **state)
{
    static const struct {
        const char *location, *reason;
    } cases[] = {
        {NULL, "status 302: redirects are not followed"},
        {"", "status 302: redirects are not followed"},
        {"/login?next=key", "status 302: redirects are not followed"},
        {"https://h.example/key", "status 302: redirects are not followed (to https://h.example)"},
        {"https://h.example:8443?key",
         "status 302: redirects are not followed (to https://h.example:8443)"},
        {"https://u:secret@h.example/", "status 302: redirects are not followed"},
        {"/x?u=http://h/", "status 302: redirects are not followed"},
        {"https://h.example\\key", "status 302: redirects are not followed"},
        {"https://h.example key", "status 302: redirects are not followed"},
        {"https://h\x1b[31m.example/", "status 302: redirects are not followed"},
        {"https://[2001:db8::1]?key",
         "status 302: redirects are not followed (to https://[2001:db8::1])"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct url_statuses s = {0};
        struct http_answer answer = of(302, "");
        char reason[URL_STATUS_REASON_BYTES];

        answer.location = cases[i].location;
        url_status_print_reason(&s, &answer, "status", reason);
        assert_string_equal(reason, cases[i].reason);
    }
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

        log_odd(&s, cases[i].status, cases[i].is_lookup, &log);
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
    log_odd(&s, 422, true, &log);
    assert_int_equal(s.odd_count, 0);
    log_odd(&s, 400, true, &log);
    logged_at_ms = s.odd_log[0].logged_at_ms;
    assert_false(s.odd_log[1].was_logged);
    log_odd(&s, 401, true, &log);
    log_odd(&s, 400, true, &log);
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
        cmocka_unit_test(test_strict),
        cmocka_unit_test(test_strict_and_settings),
        cmocka_unit_test(test_404_to_a_write),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_targets_of_redirects),
        cmocka_unit_test(test_which_statuses_are_logged),
        cmocka_unit_test(test_log_is_limited_by_status),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
