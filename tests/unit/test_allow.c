#include "config_case.h"

#include "podop/allow.h"

static const struct config_source file_only = {0};

/* Returns the rules of one text. The caller clears them. */
static struct allow_list list_of(const char *text, enum allow_sockets sockets)
{
    struct allow_list list = {0};
    struct error err = {0};

    if (allow_add(&list, text, sockets, &err) != ALLOW_ADDED)
        fail_msg("'%s': %s", text, err.text);
    return list;
}

static bool allows(const char *text, const struct allow_peer *peer)
{
    struct allow_list list = list_of(text, ALLOW_ON_BOTH);
    const bool is_allowed = allow_has(&list, peer);

    allow_clear(&list);
    return is_allowed;
}

static void test_users_and_groups(void **state)
{
    static const gid_t groups[] = {5, 1999999998};
    const struct allow_peer peer = {
        .is_unix = true, .uid = 1999999999, .gid = 7, .groups = groups, .group_count = 2};

    (void)state;
    assert_true(allows("1999999999", &peer));
    assert_true(allows("user:1999999999", &peer));
    assert_true(allows("group:7", &peer));
    assert_true(allows("group:5", &peer));
    assert_true(allows("group:1999999998", &peer));
    assert_false(allows("7", &peer)); /* a group of the client, but a user here */
    assert_false(allows("user:5", &peer));
    assert_false(allows("group:1999999999", &peer));
    assert_false(allows("root", &peer));
    assert_false(allows("group:root", &peer));
    assert_false(allows("0.0.0.0/0", &peer));
}

static void test_root_is_always_allowed(void **state)
{
    const struct allow_peer root = {.is_unix = true}, other = {.is_unix = true, .uid = 1};
    struct allow_list nobody = {.is_limited = true};
    const struct allow_list everybody = {0};

    (void)state;
    assert_true(allow_has(&nobody, &root));
    assert_false(allow_has(&nobody, &other));
    assert_true(allow_has(&everybody, &other));
}

static void test_networks(void **state)
{
    struct allow_peer peer = {.address = {.bytes = {127, 0, 0, 2}}};

    (void)state;
    assert_true(allows("localhost", &peer));
    assert_true(allows("127.0.0.2", &peer));
    assert_false(allows("127.0.0.1", &peer));
    assert_false(allows("::/0", &peer));
    assert_false(allows("root", &peer)); /* uid 0 in the struct means nothing on TCP */
    peer.address = (struct endpoint){.is_ipv6 = true, .bytes = {[15] = 1}};
    assert_true(allows("localhost", &peer));
    peer.address.bytes[15] = 2;
    assert_false(allows("localhost", &peer));
}

static void test_texts_that_a_socket_cannot_have(void **state)
{
    static const struct {
        const char *text;
        enum allow_sockets sockets;
        enum allow_result result;
        const char *fault;
    } cases[] = {
        {"192.0.2.0/24", ALLOW_ON_UNIX, ALLOW_FAULTY,
         "a unix socket allows users and groups, and '192.0.2.0/24' is a network"},
        {"localhost", ALLOW_ON_UNIX, ALLOW_FAULTY,
         "a unix socket allows users and groups, and 'localhost' is a network"},
        {"users:x", ALLOW_ON_UNIX, ALLOW_FAULTY,
         "a unix socket allows users and groups, and 'users:x' is a network"},
        {"user:root", ALLOW_ON_TCP, ALLOW_FAULTY,
         "a TCP socket allows networks, and 'user:root' is a user or group"},
        {"root", ALLOW_ON_TCP, ALLOW_FAULTY,
         "'root' is not a network: expected an address such as 192.0.2.1, or a network such as "
         "192.0.2.0/24 or 2001:db8::/32"},
        {"group:", ALLOW_ON_UNIX, ALLOW_FAULTY, "'group:' has no name"},
        {"user:", ALLOW_ON_BOTH, ALLOW_FAULTY, "'user:' has no name"},
        {"", ALLOW_ON_UNIX, ALLOW_FAULTY, "'' has no name"},
        {"10.0.0.1/8", ALLOW_ON_BOTH, ALLOW_FAULTY,
         "'10.0.0.1/8' has bits after its prefix: the network is 10.0.0.0/8"},
        {"no.such.name", ALLOW_ON_UNIX, ALLOW_UNKNOWN, "there is no user 'no.such.name'"},
        {"no.such.name", ALLOW_ON_BOTH, ALLOW_UNKNOWN, "there is no user 'no.such.name'"},
        {"group:no.such.name", ALLOW_ON_UNIX, ALLOW_UNKNOWN, "there is no group 'no.such.name'"},
        {"tty", ALLOW_ON_UNIX, ALLOW_UNKNOWN, "there is no user 'tty'; the group is \"group:tty\""},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct allow_list list = {0};
        struct error err = {0};
        const enum allow_result result = allow_add(&list, cases[i].text, cases[i].sockets, &err);

        if (result != cases[i].result)
            fail_msg("'%s': %d", cases[i].text, (int)result);
        assert_string_equal(err.text, cases[i].fault);
        assert_int_equal(list.count, 0);
        assert_true(list.is_limited); /* a list without a rule is not the same as no list */
    }
}

#define WITH(socket, allow)                                                                        \
    "listen = ( {\nsocket = \"" socket "\";\nallow = " allow ";\n} );\n" TABLE("")

static void test_the_setting(void **state)
{
    static const struct {
        const char *text;
        size_t rules;
    } cases[] = {
        {WITH("/s", "[ \"root\", \"group:7\", \"8\" ]"), 3},
        {WITH("unix:/s", "\"root\""), 1},
        {WITH("127.0.0.1:1", "( \"127.0.0.0/8\", \"::1\" )"), 2},
        {WITH("0.0.0.0:1", "\"localhost\""), 2},
        {WITH("[::]:1", "[ \"localhost\" ]"), 2},
        {LISTEN TABLE(""), 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct config *config = load_good(cases[i].text, file_only);
        const struct allow_list *allowed = &config->listen[0].allowed;

        assert_int_equal(config->warnings.count, 0);
        if (allowed->count != cases[i].rules || allowed->is_limited != (cases[i].rules != 0))
            fail_msg("case %zu: %zu rules", i, allowed->count);
        config_unref(&config);
    }
}

static void test_the_setting_of_the_command_line(void **state)
{
    const struct cmdline_set sets[] = {{SPAN("listen.[0].allow"), "1999999999"},
                                       {SPAN("control.allow"), "[ \"root\", \"group:9\" ]"}};
    struct config *config =
        load_good(LISTEN "control = { socket = \"/c\"; };\n" TABLE(""),
                  (struct config_source){.sets = sets, .set_count = ARRAY_LEN(sets)});

    (void)state;
    assert_int_equal(config->listen[0].allowed.count, 1);
    assert_int_equal(config->listen[0].allowed.rules[0].uid, 1999999999);
    assert_int_equal(config->control.allowed.count, 2);
    assert_int_equal(config->control.allowed.rules[1].gid, 9);
    config_unref(&config);
}

static void test_faults_of_the_setting(void **state)
{
    (void)state;
    assert_faults(WITH("/s", "[ ]"), file_only,
                  "podop.conf:3: 'allow' in socket '/s' must not be empty: leave it out to allow "
                  "every client\n");
    assert_faults(WITH("/s", "[ \"root\",\n\"10.0.0.0/8\" ]"), file_only,
                  "podop.conf:4: 'allow' in socket '/s': a unix socket allows users and groups, "
                  "and '10.0.0.0/8' is a network\n");
    assert_faults(WITH("127.0.0.1:1", "\"postfix\""), file_only,
                  "podop.conf:3: 'allow' in socket '127.0.0.1:1': 'postfix' is not a network: "
                  "expected an address such as 192.0.2.1, or a network such as 192.0.2.0/24 or "
                  "2001:db8::/32\n");
    assert_faults(WITH("/s", "33"), file_only,
                  "podop.conf:3: 'allow' in socket '/s' expects a string or a list of strings such "
                  "as [ \"a\", \"b\" ], got 33\n");
    assert_faults(LISTEN "control = { socket = \"/c\"; allow = \"::1\"; };\n" TABLE(""), file_only,
                  "podop.conf:2: 'allow' in 'control': a unix socket allows users and groups, and "
                  "'::1' is a network\n");
}

static void test_an_unknown_user_is_a_warning(void **state)
{
    struct config *config = load_good(WITH("/s", "[ \"no.such.name\", \"7\" ]"), file_only);

    (void)state;
    assert_int_equal(config->warnings.count, 1);
    assert_string_equal(config->warnings.items[0],
                        "podop.conf:3: warning: 'allow' in socket '/s': there is no user "
                        "'no.such.name', so this entry allows no client");
    assert_int_equal(config->listen[0].allowed.count, 1);
    config_unref(&config);
}

static void test_other_hosts_need_a_list(void **state)
{
    struct config *config = load_good(WITH("0.0.0.0:1", "\"10.0.0.0/8\""), file_only);

    (void)state;
    assert_int_equal(config->warnings.count, 0);
    config_unref(&config);
    config = load_good("listen = ( { socket = \"0.0.0.0:1\"; } );\n" TABLE(""), file_only);
    assert_int_equal(config->warnings.count, 1);
    config_unref(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_users_and_groups),
        cmocka_unit_test(test_root_is_always_allowed),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_texts_that_a_socket_cannot_have),
        cmocka_unit_test_setup_teardown(test_the_setting, enter_directory, leave_directory),
        cmocka_unit_test_setup_teardown(test_the_setting_of_the_command_line, enter_directory,
                                        leave_directory),
        cmocka_unit_test_setup_teardown(test_faults_of_the_setting, enter_directory,
                                        leave_directory),
        cmocka_unit_test_setup_teardown(test_an_unknown_user_is_a_warning, enter_directory,
                                        leave_directory),
        cmocka_unit_test_setup_teardown(test_other_hosts_need_a_list, enter_directory,
                                        leave_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
