/* Sites: their URLs, unix sockets and certificates. */
#include "http_fixture.h"

static void test_unix_socket(void **state)
{
    struct http_fixture *f = *state;
    struct backend local;
    struct http_site *here, *elsewhere;
    struct http_caller c = {0}, d = {0}, other = {0};
    char upper[sizeof(local.path)], expected[200];
    struct http_request request = {.is_repeatable = true,
                                   .target = "/x",
                                   .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS};

    backend_open(&local, f->loop, true);
    here = http_fixture_open_site(f, local.base, local.path);
    http_caller_start_request(&c, here, &request);
    HTTP_WAIT(f, c.answers > 0);
    http_caller_assert_body(&c, "/x");
    assert_non_null(strstr(buf_string(&local.last), "Host: backend.test\r\n"));
    snprintf(upper, sizeof(upper), "%s", local.path); /* another path has other connections */
    upper[strlen("/tmp/")] = 'P';
    elsewhere = http_fixture_open_site(f, local.base, upper);
    http_caller_start_request(&other, elsewhere, &request);
    HTTP_WAIT(f, other.answers > 0);
    http_caller_assert_outcome(&other, HTTP_FAILED);
    assert_true(other.is_refused);
    http_site_close(&elsewhere);
    backend_close(&local);
    http_caller_start_request(&d, here, &request); /* the socket does not exist now */
    HTTP_WAIT(f, d.answers > 0);
    http_caller_assert_outcome(&d, HTTP_FAILED);
    assert_true(d.is_refused);
    snprintf(expected, sizeof(expected), "connect to %s: No such file or directory", local.path);
    assert_string_equal(d.reason, expected);
    http_site_close(&here);
    assert_int_equal(f->backend.requests, 0);
}

static void test_bad_bases(void **state)
{
    struct http_fixture *f = *state;
    static const char *const bases[] = {"",           "http://",     "nothing",
                                        "http://a b", "http://h{x}", "http://h:99999",
                                        "http://h\n", "http://[::1"};

    for (size_t i = 0; i < ARRAY_LEN(bases); i++) {
        const struct http_site_config config = {.base = bases[i], .max_response = 1};
        struct error err = {0};

        if (http_site_open(f->http, &config, &err) != NULL)
            fail_msg("'%s' was taken", bases[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

static void test_uses_tls(void **state)
{
    struct http_fixture *f = *state;
    const struct http_tls both = {.ca = SPAN("A"), .cert = SPAN("C"), .key = SPAN("K")};
    const struct http_tls ca = {.ca = SPAN("A")}, pair = {.cert = SPAN("C"), .key = SPAN("K")};
    const struct http_tls other_ca = {.ca = SPAN("B")};
    const struct http_tls other_pair = {.cert = SPAN("C"), .key = SPAN("L")};
    const struct http_site_config config = {
        .base = f->backend.base, .tls = both, .max_response = 1};
    struct error err = {0};
    struct http_site *other;

    assert_false(http_uses_tls(f->http, &ca));
    other = http_site_open(f->http, &config, &err);
    assert_non_null(other);
    assert_true(http_uses_tls(f->http, &both));
    assert_true(http_uses_tls(f->http, &ca));
    assert_true(http_uses_tls(f->http, &pair));
    assert_false(http_uses_tls(f->http, &other_ca));
    assert_false(http_uses_tls(f->http, &other_pair));
    http_site_close(&other);
    assert_false(http_uses_tls(f->http, &pair));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HTTP_TEST(test_unix_socket),
        HTTP_TEST(test_bad_bases),
        HTTP_TEST(test_uses_tls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
