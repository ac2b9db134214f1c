/* The sockets of a server over changes of its configuration. */
#include "config_case.h"

#include "server/listeners.h"

#include <ev.h>

#include <dirent.h>
#include <sys/stat.h>

static struct log log_;
static struct activation activation;
static struct listeners listeners;
static struct config *config, *next;

/* Two sockets, whose files are replaced when the permissions change. */
static struct config *two_sockets(const char *directory, const char *permissions)
{
    char text[1000];

    snprintf(text, sizeof(text),
             "listen = ( { socket = \"%s/a\"; permissions = \"%s\"; },\n"
             "           { socket = \"%s/b\"; permissions = \"%s\"; } );\n" TABLE(""),
             directory, permissions, directory, permissions);
    return load_good(text, (struct config_source){0});
}

static int setup(void **state)
{
    if (enter_directory(state) == -1)
        return -1;
    listeners = (struct listeners){
        .loop = ev_loop_new(EVFLAG_AUTO), .log = &log_, .activation = &activation};
    config = two_sockets(*state, "0600");
    next = two_sockets(*state, "0666");
    return 0;
}

static int teardown(void **state)
{
    listeners_free(&listeners);
    config_unref(&config);
    config_unref(&next);
    ev_loop_destroy(listeners.loop);
    return leave_directory(state);
}

static ino_t inode(const char *name)
{
    struct stat info;

    assert_int_equal(lstat(name, &info), 0);
    return info.st_ino;
}

/* Returns the number of files with temporary names, and removes the one that a listener of name is
 * hidden under, if name is not NULL. */
static unsigned hidden_files(const char *name)
{
    DIR *dir = opendir(".");
    const struct dirent *entry;
    unsigned count = 0;

    assert_non_null(dir);
    while ((entry = readdir(dir)) != NULL)
        count += strncmp(entry->d_name, ".podop", strlen(".podop")) == 0;
    closedir(dir);
    for (const struct listener *l = listeners.first; name != NULL && l != NULL; l = l->next) {
        if (l->is_hidden && strcmp(strrchr(l->address.text, '/') + 1, name) == 0)
            assert_int_equal(unlink(l->hidden.u.un.sun_path), 0);
    }
    return count;
}

static void use(struct config *wanted)
{
    struct error err = {0};

    assert_int_equal(listeners_plan(&listeners, wanted, &err), 0);
    assert_int_equal(listeners_switch(&listeners, wanted, &err), 0);
}

static void test_replaced_files(void **state)
{
    ino_t a, b;

    (void)state;
    use(config);
    a = inode("a");
    b = inode("b");
    use(next);
    assert_true(inode("a") != a && inode("b") != b);
    assert_int_equal(hidden_files(NULL), 0);
}

/* When a file cannot be replaced, those that were replaced before come back. */
static void test_a_rename_that_fails(void **state)
{
    static const char *const names[] = {"a", "b"};

    (void)state;
    use(config);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const ino_t a = inode("a"), b = inode("b");
        struct error err = {0};

        assert_int_equal(listeners_plan(&listeners, next, &err), 0);
        assert_int_equal(hidden_files(names[i]), 2);
        assert_int_equal(listeners_switch(&listeners, next, &err), -1);
        assert_int_equal(err.kind, ERR_BIND);
        assert_int_equal(inode("a"), a);
        assert_int_equal(inode("b"), b);
        assert_int_equal(hidden_files(NULL), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_replaced_files, setup, teardown),
        cmocka_unit_test_setup_teardown(test_a_rename_that_fails, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
