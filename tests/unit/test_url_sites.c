#include "url_case.h"

#include "table/url/url_sites.h"

#define WITH_CASE(test) cmocka_unit_test_setup_teardown(test, url_case_setup, url_case_teardown)

static struct table_config config_with(struct url_settings *settings)
{
    static char name[] = "t";

    *settings = (struct url_settings){.connect_timeout_ms = 1000, .max_response = 1000};
    return (struct table_config){.name = name, .settings = settings};
}

/* A plan keeps nothing of the configuration that it was made from. */
static void test_plan_is_a_copy(void **state)
{
    char user[] = "u", file[] = "/secret", header[] = "X-A: b", socket[] = "/socket";
    char *headers[] = {header};
    struct url_settings settings;
    const struct table_config config = config_with(&settings);
    struct url_site_plan *plan, *second;

    (void)state;
    settings.auth = (struct auth_config){.type = AUTH_BASIC, .user = user, .password_file = file};
    settings.tls = (struct tls_config){.ca_file = file};
    settings.unix_socket = socket;
    settings.headers = (struct string_list){headers, 1};
    plan = url_site_plan_new(&config);
    memset(user, 'x', strlen(user));
    memset(file, 'x', strlen(file));
    memset(header, 'x', strlen(header));
    memset(socket, 'x', strlen(socket));
    settings = (struct url_settings){0};
    second = url_site_plan_ref(plan);
    url_site_plan_unref(&plan);
    assert_null(plan);
    assert_string_equal(second->table, "t");
    assert_int_equal(second->auth.type, AUTH_BASIC);
    assert_string_equal(second->auth.user, "u");
    assert_string_equal(second->auth.password_file, "/secret");
    assert_null(second->auth.token_file);
    assert_string_equal(second->tls.ca_file, "/secret");
    assert_string_equal(second->unix_socket, "/socket");
    assert_int_equal(second->headers.count, 1);
    assert_string_equal(second->headers.items[0], "X-A: b");
    assert_int_equal(second->connect_timeout_ms, 1000);
    url_site_plan_unref(&second);
    url_site_plan_unref(&second);
}

static void test_files_of_a_plan(void **state)
{
    static char file[] = "/f";
    static const struct {
        struct auth_config auth;
        struct tls_config tls;
        bool has_files;
    } cases[] = {
        {{0}, {0}, false},
        {{.type = AUTH_BEARER, .token_file = file}, {0}, true},
        {{.type = AUTH_BASIC, .password_file = file}, {0}, true},
        {{0}, {.ca_file = file}, true},
        {{0}, {.cert_file = file, .key_file = file}, true},
        {{.type = AUTH_NONE, .token_file = file}, {0}, false},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct url_site_plan plan = {.auth = cases[i].auth, .tls = cases[i].tls};

        AT_CASE("%zu", i);
        assert_int_equal(url_site_plan_has_files(&plan), cases[i].has_files);
    }
}

/* Sites take the credentials, also when one of them cannot be opened. */
static void test_sites(void **state)
{
    static const char *const bases[] = {"http://127.0.0.1:1", "not a URL"};
    struct url_case *c = *state;
    struct url_settings settings;
    const struct table_config config = config_with(&settings);
    struct url_site_plan *plan = url_site_plan_new(&config);

    for (size_t count = 1; count <= ARRAY_LEN(bases); count++) {
        const struct span header = SPAN("Authorization: Bearer x");
        struct url_access access = {.authorization = secret_concat(&header, 1)};
        struct error err = {0};
        struct url_sites *sites = url_sites_open(plan, bases, count, &access, c->http, &err);
        struct url_sites *second;

        AT_CASE("%zu", count);
        assert_null(access.authorization);
        assert_int_equal(sites == NULL, count == 2);
        if (sites == NULL) {
            assert_int_equal(err.kind, ERR_CONFIG);
            continue;
        }
        assert_non_null(sites->access.authorization);
        second = url_sites_ref(sites);
        url_sites_unref(&sites);
        assert_int_equal(second->count, 1);
        url_sites_unref(&second);
        assert_null(second);
        url_sites_unref(&second);
    }
    url_site_plan_unref(&plan);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_is_a_copy),
        cmocka_unit_test(test_files_of_a_plan),
        WITH_CASE(test_sites),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
