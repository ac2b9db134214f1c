#include "config_case.h"

#include "server/listener.h"

#include <ev.h>

#include <dirent.h>
#include <sys/socket.h>
#include <sys/stat.h>

enum { CLIENTS_MAX = 8 };

static struct ev_loop *loop;
static struct log log_;
static struct config *config;
static char path[200];
static struct listener listener;
static int accepted[CLIENTS_MAX], clients[CLIENTS_MAX];
static size_t accepted_count, client_count;

static int setup(void **state)
{
    char text[500];

    if (enter_directory(state) == -1)
        return -1;
    loop = ev_loop_new(EVFLAG_AUTO);
    log_init(&log_);
    snprintf(path, sizeof(path), "%s/s", (const char *)*state);
    snprintf(text, sizeof(text),
             "listen = ( { socket = \"%s\"; permissions = \"0640\"; max_clients = 2; },\n"
             "           { socket = \"/other\"; permissions = \"0600\"; } );\n" TABLE(""),
             path);
    config = load_good(text, (struct config_source){0});
    accepted_count = client_count = 0;
    return 0;
}

static int teardown(void **state)
{
    while (accepted_count > 0)
        close(accepted[--accepted_count]);
    while (client_count > 0)
        close(clients[--client_count]);
    config_unref(&config);
    log_deinit(&log_);
    ev_loop_destroy(loop);
    unlink("s");
    return leave_directory(state);
}

static int open_at(struct listener *l, const struct listener *replaced, struct error *err)
{
    struct socket_address at;

    assert_int_equal(socket_address_resolve(path, &at, 1, err), 1);
    return listener_open(l, loop, &at, listener_service_new(config, &config->listen[0], &log_),
                         replaced, err);
}

static void open_good(struct listener *l, const struct listener *replaced)
{
    struct error err = {0};

    if (open_at(l, replaced, &err) == -1 || listener_publish(l, &err) == -1)
        fail_msg("%s", err.text);
    listener_settle(l);
}

static void close_listener(struct listener *l)
{
    listener_close(l);
    listener_service_unref(&l->service);
}

static size_t files(void)
{
    DIR *dir = opendir(".");
    size_t count = 0;

    assert_non_null(dir);
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(dir);
    return count - 1; /* podop.conf */
}

static bool exists(void)
{
    struct stat info;

    return lstat("s", &info) == 0;
}

static void on_accept(void *arg, struct listener *l, int fd)
{
    (void)l;
    assert_ptr_equal(arg, accepted);
    accepted[accepted_count++] = fd;
}

static int connect_client(void)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "s"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    clients[client_count++] = fd;
    return connect(fd, (struct sockaddr *)&at, sizeof(at));
}

static void turn(void)
{
    ev_run(loop, EVRUN_NOWAIT);
}

/* Nobody meets the socket before it has its permissions. */
static void test_the_socket_is_hidden_until_it_is_published(void **state)
{
    struct error err = {0};
    struct stat info;

    (void)state;
    assert_int_equal(open_at(&listener, NULL, &err), 0);
    assert_false(exists());
    assert_int_equal(files(), 1); /* the temporary name */
    assert_int_equal(listener_publish(&listener, &err), 0);
    assert_int_equal(files(), 1);
    assert_int_equal(lstat("s", &info), 0);
    assert_true(S_ISSOCK(info.st_mode));
    assert_int_equal(info.st_mode & 07777, 0640);
    assert_int_equal(connect_client(), 0);
    close_listener(&listener);
    assert_int_equal(files(), 0);
}

static void test_a_hidden_socket_is_removed_too(void **state)
{
    struct error err = {0};

    (void)state;
    assert_int_equal(open_at(&listener, NULL, &err), 0);
    close_listener(&listener);
    assert_int_equal(files(), 0);
}

static void test_other_files_are_not_replaced(void **state)
{
    struct error err = {0};
    char expected[300];

    (void)state;
    write_text("s", "text");
    snprintf(expected, sizeof(expected), "%s exists and is not a socket: podop does not replace it",
             path);
    assert_int_equal(open_at(&listener, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_BIND);
    assert_string_equal(err.text, expected);
    assert_int_equal(files(), 1);
}

static void test_a_socket_that_answers_is_not_replaced(void **state)
{
    struct listener second;
    struct error err = {0};

    (void)state;
    open_good(&listener, NULL);
    assert_int_equal(open_at(&second, NULL, &err), -1);
    assert_int_equal(err.kind, ERR_BIND);
    assert_non_null(strstr(err.text, "another process answers on "));
    assert_int_equal(connect_client(), 0);
    close_listener(&listener);
}

static void test_a_socket_that_does_not_answer_is_replaced(void **state)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "s"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    close(fd);
    open_good(&listener, NULL);
    assert_int_equal(connect_client(), 0);
    close_listener(&listener);
}

/* As systemd leaves one. Without root, podop can neither ask it nor take it over. */
static void test_a_socket_of_another_user_is_not_replaced(void **state)
{
    const struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "s"};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), status;
    struct error err = {0};

    (void)state;
    assert_int_equal(bind(fd, (const struct sockaddr *)&at, sizeof(at)), 0);
    close(fd);
    if (geteuid() != 0)
        skip();
    assert_int_equal(chmod("s", 0600), 0);
    assert_int_equal(chmod(".", 0777), 0);
    assert_int_equal(seteuid(65534), 0);
    status = open_at(&listener, NULL, &err);
    assert_int_equal(seteuid(0), 0);
    assert_int_equal(status, -1);
    assert_int_equal(err.kind, ERR_BIND);
    assert_non_null(strstr(err.text, "/s belongs to user 0, and podop may not find out"));
    assert_int_equal(files(), 1);
}

/* As at a reload that changes permissions. The old one must not remove the new one's file. */
static void test_an_own_socket_is_replaced(void **state)
{
    struct listener second;

    (void)state;
    open_good(&listener, NULL);
    open_good(&second, &listener);
    close_listener(&listener);
    assert_true(exists());
    assert_int_equal(connect_client(), 0);
    close_listener(&second);
    assert_false(exists());
}

static void test_a_file_of_another_process_stays(void **state)
{
    (void)state;
    open_good(&listener, NULL);
    assert_int_equal(unlink("s"), 0);
    write_text("s", "text");
    assert_false(listener_fits(&listener, &config->listen[0]));
    close_listener(&listener);
    assert_true(exists());
}

/* The accounts were looked for when the configuration was read: a search may block the loop. */
static void test_opening_looks_for_no_accounts(void **state)
{
    struct error err = {0};

    (void)state;
    config->listen[0].owner = xstrdup("no such user");
    open_good(&listener, NULL);
    close_listener(&listener);
    config->listen[0].accounts.failure = (struct error){ERR_SYSTEM, "owner of /x: no answer"};
    assert_int_equal(open_at(&listener, NULL, &err), -1);
    assert_string_equal(err.text, "owner of /x: no answer");
}

static void test_fits(void **state)
{
    (void)state;
    open_good(&listener, NULL);
    assert_true(listener_fits(&listener, &config->listen[0]));
    assert_false(listener_fits(&listener, &config->listen[1])); /* other permissions */
    listener_close(&listener);
    assert_false(listener_fits(&listener, &config->listen[0]));
    close_listener(&listener);
}

static void test_at_most_max_clients(void **state)
{
    (void)state;
    open_good(&listener, NULL);
    for (int i = 0; i < 4; i++)
        assert_int_equal(connect_client(), 0);
    turn();
    assert_int_equal(accepted_count, 0); /* not started */
    listener_start(&listener, 1024, on_accept, accepted);
    turn();
    turn();
    assert_int_equal(accepted_count, 2);
    listener_client_gone(&listener);
    turn();
    assert_int_equal(accepted_count, 3);
    listener_drain(&listener); /* beyond the limit */
    assert_int_equal(accepted_count, 4);
    close_listener(&listener);
}

static void test_descriptors_are_left_for_backends(void **state)
{
    (void)state;
    log_.level = LOG_LEVEL_ERROR;
    open_good(&listener, NULL);
    assert_int_equal(connect_client(), 0);
    assert_int_equal(connect_client(), 0);
    listener_start(&listener, 0, on_accept, accepted);
    turn();
    assert_int_equal(accepted_count, 1);
    assert_true(ev_is_active(&listener.pause));
    assert_false(ev_is_active(&listener.io));
    ev_feed_event(loop, &listener.pause, EV_TIMER); /* the pause is over */
    turn();
    turn();
    assert_int_equal(accepted_count, 2);
    close_listener(&listener);
}

#define LISTENER(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        LISTENER(test_the_socket_is_hidden_until_it_is_published),
        LISTENER(test_a_hidden_socket_is_removed_too),
        LISTENER(test_other_files_are_not_replaced),
        LISTENER(test_a_socket_that_answers_is_not_replaced),
        LISTENER(test_a_socket_that_does_not_answer_is_replaced),
        LISTENER(test_a_socket_of_another_user_is_not_replaced),
        LISTENER(test_an_own_socket_is_replaced),
        LISTENER(test_a_file_of_another_process_stays),
        LISTENER(test_opening_looks_for_no_accounts),
        LISTENER(test_fits),
        LISTENER(test_at_most_max_clients),
        LISTENER(test_descriptors_are_left_for_backends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
