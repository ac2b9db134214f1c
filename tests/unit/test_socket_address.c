#include "unit.h"

#include "podop/socket_address.h"
#include "podop/systemd.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <unistd.h>

static void test_address_good(void **state)
{
    static const char *const cases[] = {
        "/run/podop.sock",  "unix:/run/podop.sock", "/a",
        "/with:colon:80",   "unix:/with:colon",     "/unix:/x",
        "127.0.0.1:9100",   "inet:127.0.0.1:9100",  "localhost:1",
        "[::1]:9100",       "inet:[::1]:65535",     "mail.example.com:9100",
        "[2001:db8::1]:25", "0.0.0.0:80",           "[::]:80",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct error err = {0};

        if (socket_address_check(cases[i], &err) == -1)
            fail_msg("%s: %s", cases[i], err.text);
    }
}

static void test_address_kind(void **state)
{
    static const struct {
        const char *text, *bare;
        enum socket_kind kind;
    } cases[] = {
        {"/run/s", "/run/s", SOCKET_PATH},          {"unix:/run/s", "/run/s", SOCKET_PATH},
        {"unix:relative", "relative", SOCKET_PATH}, {"localhost:80", "localhost:80", SOCKET_HOST},
        {"inet:[::1]:80", "[::1]:80", SOCKET_HOST}, {"inet:systemd:80", "systemd:80", SOCKET_HOST},
        {"systemd:podop", "podop", SOCKET_SYSTEMD},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *bare;

        assert_int_equal(socket_address_kind(cases[i].text, &bare), cases[i].kind);
        assert_string_equal(bare, cases[i].bare);
    }
}

static void test_address_systemd(void **state)
{
    struct socket_address at;
    struct error err = {0};
    bool is_known = socket_address_check("systemd:podop", &err) == 0;

    (void)state;
    assert_int_equal(is_known, systemd_is_built_in());
    if (!is_known) {
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_non_null(strstr(err.text, "without libsystemd"));
    }
    assert_int_equal(socket_address_check("inet:systemd:80", &err), 0); /* a host of that name */
    assert_int_equal(socket_address_resolve("systemd:podop", &at, 1, &err), -1);
    assert_int_equal(err.kind, ERR_CONFIG);
}

static void test_address_bad(void **state)
{
    static const char *const cases[] = {
        "",
        "unix:",
        "unix:relative",
        "unix:unix:/x",
        "relative",
        "/",
        "/run/",
        "unix:/run/",
        "inet:",
        "inet:/path",
        ":9100",
        "inet::9100",
        "[]:9100",
        "localhost",
        "localhost:",
        "localhost:0",
        "localhost:00",
        "localhost:65536",
        "localhost:99999999999999999999999",
        "localhost:-1",
        "localhost:+1",
        "localhost: 1",
        "localhost:1 ",
        "localhost:1x",
        "localhost:0x50",
        "localhost:1.0",
        "localhost:http",
        "::1:9100",
        "::1",
        "[::1]",
        "[::1:9100",
        "::1]:9100",
        "[::1]9100",
        "9100",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct socket_address at[2];
        struct error err = {0};

        if (socket_address_check(cases[i], &err) != -1)
            fail_msg("'%s' was taken", cases[i]);
        assert_int_equal(err.kind, ERR_CONFIG);
        assert_true(err.text[0] != '\0');
        assert_int_equal(socket_address_resolve(cases[i], at, 2, &err), -1);
        assert_int_equal(err.kind, ERR_CONFIG);
    }
}

static void test_address_unix(void **state)
{
    static const char *const spelt[] = {"/run/podop.sock", "unix:/run/podop.sock"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spelt); i++) {
        struct socket_address at;
        struct error err = {0};

        memset(&at, 0xff, sizeof(at));
        assert_int_equal(socket_address_resolve(spelt[i], &at, 1, &err), 1);
        assert_string_equal(at.text, "/run/podop.sock");
        assert_int_equal(at.u.sa.sa_family, AF_UNIX);
        assert_string_equal(at.u.un.sun_path, "/run/podop.sock");
        assert_in_range(at.len, offsetof(struct sockaddr_un, sun_path) + strlen(at.text) + 1,
                        sizeof(struct sockaddr_un));
    }
}

/* The longest valid path is not cut. Both functions refuse one byte more. */
static void test_address_unix_length(void **state)
{
    char path[300] = "/";
    size_t longest = 0;

    (void)state;
    for (size_t len = 2; len < sizeof(path); len++) {
        struct socket_address at;
        struct error err = {0};
        int checked;

        path[len - 1] = 'x';
        path[len] = '\0';
        checked = socket_address_check(path, &err);
        assert_int_equal(socket_address_resolve(path, &at, 1, &err), checked == 0 ? 1 : -1);
        if (checked == -1) {
            assert_int_equal(err.kind, ERR_CONFIG);
            continue;
        }
        assert_int_equal(longest, len == 2 ? 0 : len - 1); /* no gap below the limit */
        longest = len;
        assert_string_equal(at.text, path);
        assert_string_equal(at.u.un.sun_path, path);
    }
    assert_in_range(longest, 90, sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1);
}

static void test_address_host_length(void **state)
{
    char text[400];

    (void)state;
    for (size_t len = 1; len < 300; len++) {
        struct error err = {0};

        memset(text, 'h', len);
        memcpy(text + len, ":25", 4);
        if (len <= 253) /* the longest DNS name */
            assert_int_equal(socket_address_check(text, &err), 0);
        if (len > 255)
            assert_int_equal(socket_address_check(text, &err), -1);
    }
}

static void test_address_inet(void **state)
{
    static const struct {
        const char *text;
        int family;
        uint16_t port;
        const char *shown;
    } cases[] = {
        {"127.0.0.1:9100", AF_INET, 9100, "127.0.0.1:9100"},
        {"inet:127.0.0.1:1", AF_INET, 1, "127.0.0.1:1"},
        {"0.0.0.0:65535", AF_INET, 65535, "0.0.0.0:65535"},
        {"127.0.0.1:080", AF_INET, 80, "127.0.0.1:80"},
        {"[::1]:9100", AF_INET6, 9100, "[::1]:9100"},
        {"inet:[::]:25", AF_INET6, 25, "[::]:25"},
        {"[2001:DB8:0:0::1]:25", AF_INET6, 25, "[2001:db8::1]:25"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct socket_address at[4];
        struct error err = {0};
        const struct sockaddr_in *in;
        const struct sockaddr_in6 *in6;

        assert_int_equal(socket_address_resolve(cases[i].text, at, 4, &err), 1);
        assert_string_equal(at[0].text, cases[i].shown);
        assert_int_equal(at[0].u.sa.sa_family, cases[i].family);
        in = (const struct sockaddr_in *)(const void *)&at[0].u;
        in6 = (const struct sockaddr_in6 *)(const void *)&at[0].u;
        assert_int_equal(ntohs(cases[i].family == AF_INET ? in->sin_port : in6->sin6_port),
                         cases[i].port);
        assert_int_equal(at[0].len, cases[i].family == AF_INET ? sizeof(*in) : sizeof(*in6));
    }
}

static void test_address_names(void **state)
{
    struct socket_address at[8];
    struct error err = {0};
    int count;

    (void)state;
    if (access("/etc/hosts", R_OK) == -1) /* a new root directory, in which packages are built */
        skip();
    count =
        socket_address_resolve("localhost:9100", at, 8, &err); /* from /etc/hosts, without DNS */
    assert_in_range(count, 1, 8);
    assert_int_equal(socket_address_resolve("localhost:9100", at, 1, &err),
                     1); /* never more than max */
    assert_int_equal(socket_address_resolve("no..name:9100", at, 8, &err),
                     -1); /* not a valid host name */
    assert_int_equal(err.kind, ERR_BIND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_address_good),        cmocka_unit_test(test_address_kind),
        cmocka_unit_test(test_address_systemd),     cmocka_unit_test(test_address_bad),
        cmocka_unit_test(test_address_unix),        cmocka_unit_test(test_address_unix_length),
        cmocka_unit_test(test_address_host_length), cmocka_unit_test(test_address_inet),
        cmocka_unit_test(test_address_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
