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

static void ask_address(struct http_fixture *f, struct http_site *site, const char *address,
                        struct http_caller *caller)
{
    struct endpoint wanted;
    struct http_request request = {.is_repeatable = true,
                                   .target = "/x",
                                   .deadline_at_ms = service_now_ms(f->loop) + HTTP_LONG_MS};

    *caller = (struct http_caller){0};
    if (address != NULL)
        assert_true(endpoint_parse(address, &wanted));
    request.address = address == NULL ? NULL : &wanted;
    http_caller_start_request(caller, site, &request);
    HTTP_WAIT(f, caller->answers > 0);
}

/* The backend listens at 127.0.0.1 alone. */
static void test_wanted_address(void **state)
{
    static const struct {
        const char *address;
        bool is_moved;
        unsigned connections; /* new ones */
    } cases[] = {
        {NULL, false, 1},        {"127.0.0.1", false, 0}, {"::1", true, 1},
        {"127.0.0.1", false, 0}, {"192.0.2.1", true, 1}, /* it is not an address of the name */
        {NULL, false, 0},
    };
    struct http_fixture *f = *state;
    struct http_addresses known;
    struct http_caller caller;
    struct http_site *site;
    char base[64];

    snprintf(base, sizeof(base), "http://a.localhost%s", strrchr(f->backend.base, ':'));
    site = http_fixture_open_site(f, base, NULL);
    assert_int_equal(http_site_addresses(site).count, 0);    /* not resolved yet */
    assert_int_equal(http_site_addresses(f->site).count, 0); /* not a name */
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const unsigned accepted = f->backend.accepted;

        AT_CASE("%zu", i);
        ask_address(f, site, cases[i].address, &caller);
        http_caller_assert_body(&caller, "/x");
        assert_int_equal(caller.has_moved, cases[i].is_moved);
        assert_true(!caller.has_moved || caller.moved_to.bytes[0] == 127);
        assert_int_equal(f->backend.accepted, accepted + cases[i].connections);
    }
    known = http_site_addresses(site);
    assert_int_equal(known.count, 2);
    assert_int_not_equal(known.generation, 0);
    backend_close(&f->backend);
    ask_address(f, site, "127.0.0.1", &caller);
    http_caller_assert_outcome(&caller, HTTP_FAILED);
    assert_true(caller.is_unreachable);
    assert_false(caller.has_moved);
    http_site_close(&site);
    backend_open(&f->backend, f->loop, false); /* for the fixture */
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
        HTTP_TEST(test_wanted_address),
        HTTP_TEST(test_bad_bases),
        HTTP_TEST(test_uses_tls),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
