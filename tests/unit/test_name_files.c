#include "unit.h"

#include "backend/dns/name_files.h"

#include <errno.h>
#include <sys/resource.h>
#include <unistd.h>

static struct resolv_conf parse(const char *text, const char *own_domain)
{
    struct resolv_conf conf;

    resolv_conf_parse(span_of(text), own_domain, &conf);
    return conf;
}

static void add_all(struct buf *to, const char *list, size_t item_bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        buf_add(to, i == 0 ? SPAN("") : SPAN(" "));
        buf_add(to, span_of(list + i * item_bytes));
    }
}

static void test_resolv_conf(void **state)
{
    static const struct {
        const char *text, *servers, *search;
        unsigned ndots;
    } cases[] = {
        {"", "127.0.0.1", "own.example", 1},
        {"nameserver 192.0.2.1\n", "192.0.2.1", "own.example", 1},
        {"nameserver 192.0.2.1", "192.0.2.1", "own.example", 1},
        {"nameserver\t192.0.2.1 \nnameserver ::1\r\n", "192.0.2.1 ::1", "own.example", 1},
        {"nameserver fe80::1%eth0\n", "fe80::1%eth0", "own.example", 1},
        {"nameserver 192.0.2.1:5353\nnameserver [::1]:5353\n", "192.0.2.1:5353 [::1]:5353",
         "own.example", 1},
        {"nameserver nobody\nnameserver 1.2.3\nnameserver\nnameserver ::2 # ours\n", "::2",
         "own.example", 1},
        {"#nameserver 192.0.2.1\n;nameserver 192.0.2.2\n", "127.0.0.1", "own.example", 1},
        {"nameservers 192.0.2.1\nNAMESERVER 192.0.2.1\n", "127.0.0.1", "own.example", 1},
        {"search a.example b.example.\n", "127.0.0.1", "a.example b.example", 1},
        {"domain a.example b.example\n", "127.0.0.1", "a.example", 1},
        {"search a.example\ndomain b.example\n", "127.0.0.1", "b.example", 1},
        {"domain b.example\nsearch a.example c.example\n", "127.0.0.1", "a.example c.example", 1},
        {"search .\n", "127.0.0.1", "", 1},
        {"search\n", "127.0.0.1", "", 1},
        {"options timeout:30 ndots:5 attempts:9\n", "127.0.0.1", "own.example", 5},
        {"options ndots:0\noptions rotate\n", "127.0.0.1", "own.example", 0},
        {"options ndots:99999999999999999999\n", "127.0.0.1", "own.example", 15},
        {"options ndots:-1\noptions ndots:x\n", "127.0.0.1", "own.example", 1},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct resolv_conf conf = parse(cases[i].text, "own.example");
        struct buf got;

        buf_init(&got, SIZE_MAX);
        add_all(&got, conf.servers[0], sizeof(conf.servers[0]), conf.server_count);
        assert_string_equal(buf_string(&got), cases[i].servers);
        buf_clear(&got);
        add_all(&got, conf.search[0], sizeof(conf.search[0]), conf.search_count);
        assert_string_equal(buf_string(&got), cases[i].search);
        assert_int_equal(conf.ndots, cases[i].ndots);
        buf_deinit(&got);
    }
    assert_int_equal(parse("", "").search_count, 0);
}

static void test_resolv_conf_is_bounded(void **state)
{
    struct resolv_conf conf;
    struct buf text;

    (void)state;
    buf_init(&text, SIZE_MAX);
    for (int i = 0; i < 100; i++)
        buf_add(&text, SPAN("nameserver 192.0.2.1\n"));
    buf_add(&text, SPAN("search"));
    for (int i = 0; i < 100; i++)
        buf_add(&text, SPAN(" a.example"));
    buf_add(&text, SPAN(" "));
    for (int i = 0; i < 1000; i++)
        buf_add_char(&text, 'x');
    resolv_conf_parse(buf_span(&text), "", &conf);
    assert_int_equal(conf.server_count, NAME_SERVERS_MAX);
    assert_int_equal(conf.search_count, SEARCH_DOMAINS_MAX);
    buf_deinit(&text);
}

static void test_resolv_conf_with_nul(void **state)
{
    struct resolv_conf conf;

    (void)state;
    resolv_conf_parse(SPAN("search \0a.example b\0.example c.example\n"), "", &conf);
    assert_int_equal(conf.search_count, 1);
    assert_string_equal(conf.search[0], "c.example");
}

static void test_candidates(void **state)
{
    static const struct {
        const char *conf, *host, *expected;
    } cases[] = {
        {"search a.example b.example", "h", "h.a.example h.b.example h"},
        {"search a.example b.example", "h.x", "h.x h.x.a.example h.x.b.example"},
        {"search a.example", "h.", "h"},
        {"search a.example\noptions ndots:2", "h.x", "h.x.a.example h.x"},
        {"search a.example\noptions ndots:2", "h.x.y", "h.x.y h.x.y.a.example"},
        {"search a.example\noptions ndots:0", "h", "h h.a.example"},
        {"search .", "h", "h"},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct resolv_conf conf = parse(cases[i].conf, "");
        char name[DNS_NAME_BYTES];
        struct buf got;

        buf_init(&got, SIZE_MAX);
        for (size_t k = 0; resolv_conf_candidate(&conf, cases[i].host, k, name); k++) {
            buf_add(&got, k == 0 ? SPAN("") : SPAN(" "));
            buf_add(&got, span_of(name));
        }
        assert_string_equal(buf_string(&got), cases[i].expected);
        buf_deinit(&got);
    }
}

static void test_candidate_that_is_too_long(void **state)
{
    const struct resolv_conf conf = parse("search a.example", "");
    char host[DNS_NAME_BYTES + 1], name[DNS_NAME_BYTES];

    (void)state;
    memset(host, 'x', sizeof(host));
    host[DNS_NAME_BYTES - 1] = '\0'; /* the longest */
    assert_true(resolv_conf_candidate(&conf, host, 0, name));
    assert_string_equal(name, "");
    assert_true(resolv_conf_candidate(&conf, host, 1, name));
    assert_string_equal(name, host);
    host[DNS_NAME_BYTES - 1] = 'x';
    host[DNS_NAME_BYTES] = '\0';
    assert_true(resolv_conf_candidate(&conf, host, 1, name));
    assert_string_equal(name, "");
}

static void test_hosts(void **state)
{
    static const char text[] = "127.0.0.1 localhost\n"
                               "::1 localhost ip6-localhost # here\n"
                               "192.0.2.1\tHost.Example host\n"
                               "192.0.2.2 other host\r\n"
                               "192.0.2.1 host\n"
                               "#192.0.2.3 host\n"
                               "192.0.2.4 # host\n"
                               "nonsense host\n"
                               "192.0.2.5:80 host\n"
                               "  2001:db8::1 host last";
    static const struct {
        const char *name, *expected;
    } cases[] = {
        {"localhost", "127.0.0.1 ::1"},
        {"LocalHost", "127.0.0.1 ::1"},
        {"localhost.", "127.0.0.1 ::1"},
        {"host", "192.0.2.1 192.0.2.2 2001:db8::1"},
        {"host.example", "192.0.2.1"},
        {"last", "2001:db8::1"},
        {"192.0.2.1", ""},
        {"hos", ""},
        {"hostt", ""},
        {"here", ""},
        {"", ""},
        {".", ""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct endpoint found[8];
        char address[ENDPOINT_TEXT_BYTES];
        const size_t count = hosts_find(SPAN(text), cases[i].name, found, ARRAY_LEN(found));
        struct buf got;

        buf_init(&got, SIZE_MAX);
        for (size_t k = 0; k < count; k++) {
            buf_add(&got, k == 0 ? SPAN("") : SPAN(" "));
            buf_add(&got, span_of(endpoint_print(&found[k], address)));
        }
        assert_string_equal(buf_string(&got), cases[i].expected);
        buf_deinit(&got);
    }
}

static void test_hosts_are_bounded(void **state)
{
    struct endpoint found[2];

    (void)state;
    assert_int_equal(hosts_find(SPAN("::1 h\n::2 h\n::3 h\n"), "h", found, 2), 2);
    assert_int_equal(hosts_find(SPAN(""), "h", found, 2), 0);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void test_files(void **state)
{
    char path[] = "/tmp/podop-names-XXXXXX";
    struct name_file_state seen = {0};
    struct buf text;

    (void)state;
    assert_int_not_equal(mkstemp(path), -1);
    write_file(path, "one");
    assert_true(name_file_has_changed(path, &seen));
    assert_false(name_file_has_changed(path, &seen));
    write_file(path, "three");
    assert_true(name_file_has_changed(path, &seen));
    buf_init(&text, NAME_FILE_BYTES_MAX);
    assert_true(name_file_read(path, &text));
    assert_string_equal(buf_string(&text), "three");
    unlink(path);
    assert_true(name_file_has_changed(path, &seen));
    assert_false(name_file_has_changed(path, &seen));
    buf_clear(&text);
    assert_true(name_file_read(path, &text));
    assert_int_equal(text.len, 0);
    buf_deinit(&text);
    buf_init(&text, NAME_FILE_BYTES_MAX);
    assert_true(name_file_read("/dev/zero", &text)); /* a file without an end */
    assert_true(text.len <= NAME_FILE_BYTES_MAX && !text.is_over);
    buf_deinit(&text);
}

/* Not the same as a missing file. */
static void test_no_descriptor_for_a_file(void **state)
{
    struct rlimit before, none;
    struct resolv_conf conf;
    struct buf text;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    buf_init(&text, NAME_FILE_BYTES_MAX);
    assert_false(name_file_read("/dev/null", &text));
    assert_false(resolv_conf_read(&conf));
    assert_int_equal(errno, EMFILE);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(name_file_read("/dev/null", &text));
    buf_deinit(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resolv_conf),
        cmocka_unit_test(test_resolv_conf_is_bounded),
        cmocka_unit_test(test_resolv_conf_with_nul),
        cmocka_unit_test(test_candidates),
        cmocka_unit_test(test_candidate_that_is_too_long),
        cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_hosts_are_bounded),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_no_descriptor_for_a_file),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
