/* Two servers in one process, each on a loop in a thread of its own. */
#include "config_case.h"

#include "podop/netstring.h"
#include "podop/server.h"

#include <ev.h>

#include <errno.h>
#include <pthread.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>

/* The user database has one user, and may fail. */
static int database_errno;

struct passwd *getpwnam(const char *name)
{
    static struct passwd user = {.pw_uid = 1999999999, .pw_gid = 1999999999};

    if (database_errno == 0 && strcmp(name, "some") == 0)
        return &user;
    errno = database_errno;
    return NULL;
}

struct running {
    struct ev_loop *loop;
    struct config_source source;
    struct server *server;
    ev_async stop;
    pthread_t thread;
    int client, control;
};

static struct running first, second;

static void on_stop(struct ev_loop *loop, ev_async *w, int revents)
{
    (void)loop;
    (void)revents;
    server_stop(w->data);
}

static void fail_with(void *arg, const char *fault)
{
    (void)arg;
    fail_msg("%s", fault);
}

static void *run(void *arg)
{
    struct running *r = arg;

    server_run(r->server);
    return NULL;
}

static int connect_to(const char *path)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    return fd;
}

/* Files are named by the letter of the server. */
static const char *named(const char *what, char letter)
{
    static char names[4][32];
    static size_t next;
    char *name = names[next++ % 4];

    snprintf(name, sizeof(names[0]), "%s.%c", what, letter);
    return name;
}

static void write_value(char letter, const char *value)
{
    char text[100];

    snprintf(text, sizeof(text), "{\"key\": \"%s\"}", value);
    write_text(named("table", letter), text);
}

/* Returns the name of the file. listen has settings of the socket. */
static char *write_config(const char *directory, char letter, const char *listen)
{
    static char files[2][32];
    char *file = files[letter - 'a'];
    char text[1000];

    snprintf(text, sizeof(text),
             "listen = ( { socket = \"%s/s.%c\"; %s } );\n"
             "control = { socket = \"%s/c.%c\"; };\nlog = { level = \"error\"; };\n"
             "tables = ( { name = \"t\"; type = \"json\"; param = \"%s/table.%c\"; } );\n",
             directory, letter, listen, directory, letter, directory, letter);
    snprintf(file, sizeof(files[0]), "conf.%c", letter);
    write_text(file, text);
    return file;
}

static void start(struct running *r, const char *directory, char letter)
{
    char *file = write_config(directory, letter, "");
    struct error err = {0};

    write_value(letter, letter == 'a' ? "of a" : "of b");
    r->source.file = file;
    r->loop = ev_loop_new(EVFLAG_AUTO);
    r->server = server_new(r->loop, &r->source, fail_with, NULL, &err);
    if (r->server == NULL)
        fail_msg("%s", err.text);
    ev_async_init(&r->stop, on_stop);
    r->stop.data = r->server;
    ev_async_start(r->loop, &r->stop);
    assert_int_equal(pthread_create(&r->thread, NULL, run, r), 0);
    r->client = connect_to(named("s", letter));
    r->control = connect_to(named("c", letter));
}

static void stop(struct running *r, char letter)
{
    ev_async_send(r->loop, &r->stop);
    assert_int_equal(pthread_join(r->thread, NULL), 0);
    ev_async_stop(r->loop, &r->stop);
    server_free(&r->server);
    ev_loop_destroy(r->loop);
    close(r->client);
    close(r->control);
    unlink(named("conf", letter));
    unlink(named("table", letter));
    assert_int_not_equal(access(named("s", letter), F_OK), 0);
    assert_int_not_equal(access(named("c", letter), F_OK), 0);
}

/* Reads up to the end byte. */
static const char *receive(int fd, char end)
{
    static char text[16 * 1024];
    size_t len = 0;

    do {
        assert_true(len < sizeof(text) - 1);
        assert_int_equal(recv(fd, &text[len], 1, 0), 1);
    } while (text[len++] != end);
    text[len] = '\0';
    return text;
}

static void assert_answer(const struct running *r, const char *expected)
{
    static const char request[] = "5:t key,";

    assert_int_equal(send(r->client, request, strlen(request), 0), strlen(request));
    assert_string_equal(receive(r->client, ','), expected);
}

static const char *command(const struct running *r, const char *text)
{
    assert_int_equal(send(r->control, text, strlen(text), 0), strlen(text));
    return receive(r->control, '\n');
}

static int setup(void **state)
{
    return enter_directory(state);
}

static void test_two_servers(void **state)
{
    (void)state;
    start(&first, *state, 'a');
    start(&second, *state, 'b');
    assert_answer(&first, "7:OK of a,");
    assert_answer(&second, "7:OK of b,");
    write_value('a', "new a");
    write_value('b', "new b");
    assert_non_null(strstr(command(&first, "{\"command\":\"reload\"}\n"), "\"ok\":true"));
    assert_answer(&first, "8:OK new a,");
    assert_answer(&second, "7:OK of b,"); /* nothing was reloaded there */
    assert_non_null(strstr(command(&first, "{\"command\":\"stats\"}\n"), "\"done\":1"));
    assert_non_null(strstr(command(&second, "{\"command\":\"stats\"}\n"), "\"done\":0"));
    stop(&first, 'a');
    assert_answer(&second, "7:OK of b,");
    assert_non_null(strstr(command(&second, "{\"command\":\"reload\"}\n"), "\"ok\":true"));
    assert_answer(&second, "8:OK new b,");
    stop(&second, 'b');
}

/* The user exists, so an empty list must not take the place of the current one. */
static void test_a_user_database_that_fails_at_a_reload(void **state)
{
    static const char reload[] = "{\"command\":\"reload\"}\n";
    const char *answer;

    start(&first, *state, 'a');
    write_config(*state, 'a', "allow = \"some\";");
    database_errno = EIO;
    answer = command(&first, reload);
    assert_non_null(strstr(answer, "\"ok\":false"));
    assert_non_null(strstr(answer, "'allow': cannot look up the user 'some': Input/output error"));
    database_errno = 0;
    assert_non_null(strstr(command(&first, reload), "\"ok\":true"));
    stop(&first, 'a');
}

static void count(void *arg, const char *text)
{
    unsigned *counted = arg;

    (void)text;
    ++*counted;
}

/* A server that cannot start leaves nothing behind. */
static void test_a_start_that_fails(void **state)
{
    struct config_source source = {.file = "podop.conf"};
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);
    struct error err = {0};
    unsigned faults = 0;

    (void)state;
    write_text("podop.conf", "none = 1;");
    assert_null(server_new(loop, &source, count, &faults, &err));
    assert_int_equal(err.kind, ERR_CONFIG);
    assert_true(faults > 0);
    write_text("podop.conf",
               "listen = ( { socket = \"/none/such\"; } );\n" TABLE("timeout = 101;"));
    assert_null(server_new(loop, &source, fail_with, NULL, &err));
    assert_int_equal(err.kind, ERR_BIND);
    faults = 0;
    assert_int_equal(server_check(loop, &source, fail_with, count, &faults, &err), 0);
    assert_int_equal(faults, 1); /* a warning: the timeout is longer than any client waits */
    ev_loop_destroy(loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_two_servers, setup, leave_directory),
        cmocka_unit_test_setup_teardown(test_a_user_database_that_fails_at_a_reload, setup,
                                        leave_directory),
        cmocka_unit_test_setup_teardown(test_a_start_that_fails, setup, leave_directory),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
