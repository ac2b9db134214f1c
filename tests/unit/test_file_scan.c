#include "unit.h"

#include "base/file_scan.h"

#include "temporary.h"

#include <sys/inotify.h>

static struct file_scan scan;
static int others[20]; /* watches of the directories above, which other programs use */
static size_t other_count;

/* Watches what every scan of a file in the directory watches, to learn the numbers. */
static void watch_others(void)
{
    char path[TEMPORARY_BYTES];

    other_count = 0;
    snprintf(path, sizeof(path), "%s", temporary);
    for (char *slash = strrchr(path, '/'); slash != NULL; slash = strrchr(path, '/')) {
        slash[slash == path ? 1 : 0] = '\0';
        assert_in_range(other_count, 0, ARRAY_LEN(others) - 1);
        others[other_count++] = inotify_add_watch(scan.fd, path, IN_CREATE);
        if (slash == path)
            break;
    }
}

static int setup(void **state)
{
    temporary_make(state);
    scan = (struct file_scan){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
    watch_others();
    return 0;
}

static int teardown(void **state)
{
    close(scan.fd);
    file_scan_deinit(&scan);
    return temporary_remove(state);
}

static struct file_identity look(const char *name)
{
    char *path = temporary_path(name);
    struct file_identity found;

    file_scan_begin(&scan);
    found = file_scan_look(&scan, path);
    file_scan_end(&scan);
    free(path);
    return found;
}

static bool is_of_others(int watch)
{
    bool is_one = false;

    for (size_t i = 0; i < other_count; i++)
        is_one |= others[i] == watch;
    return is_one;
}

/* Returns whether something has happened in the directory, or to a watch of it. */
static bool has_event(void)
{
    char bytes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    bool has_one = false;
    ssize_t len;

    while ((len = read(scan.fd, bytes, sizeof(bytes))) > 0) {
        for (ssize_t at = 0; at < len;) {
            struct inotify_event event;

            memcpy(&event, bytes + at, sizeof(event));
            has_one |= !is_of_others(event.wd);
            at += (ssize_t)(sizeof(event) + event.len);
        }
    }
    return has_one;
}

/* Looks until no event is left: the end of a watch is one, too. */
static struct file_identity look_well(const char *name)
{
    struct file_identity found;

    do {
        found = look(name);
    } while (has_event());
    return found;
}

/* What may happen to the file "d/token", or to one that "k/token" is a link to. */

static void rewrite(void)
{
    temporary_write("d/token", "two");
}

static void replace(void)
{
    temporary_replace("d/token", "two");
}

static void delete_file(void)
{
    temporary_delete("d/token");
}

static void change_mode(void)
{
    char *path = temporary_path("d/token");

    assert_int_equal(chmod(path, 0640), 0);
    free(path);
}

static void replace_directory(void)
{
    temporary_rename("d", "old");
    temporary_rename("e", "d");
}

static void delete_directory(void)
{
    temporary_rename("d", "old");
}

static void swap_data(void)
{
    temporary_link("v2", "k/..data");
}

static void rewrite_target(void)
{
    temporary_write("k/v1/token", "two");
}

static void swap_far_link(void)
{
    temporary_link("../e/token", "far/there");
}

static void make_tree(void)
{
    char *far = temporary_path("far/there");

    temporary_mkdir("d");
    temporary_mkdir("e");
    temporary_mkdir("k");
    temporary_mkdir("k/v1");
    temporary_mkdir("k/v2");
    temporary_mkdir("far");
    temporary_write("d/token", "one");
    temporary_write("e/token", "second");
    temporary_write("k/v1/token", "one");
    temporary_write("k/v2/token", "second");
    temporary_link("v1", "k/..data");
    temporary_link("..data/token", "k/token");
    temporary_link("../d/token", "far/there");
    temporary_link(far, "through");
    free(far);
}

/* Each change causes an event and another identity. Then the file is watched where it is now. */
static void test_changes_are_seen(void **state)
{
    static const struct {
        const char *name, *file;
        void (*change)(void);
        bool is_gone;
    } cases[] = {
        {"rewrite", "d/token", rewrite, false},
        {"replace", "d/token", replace, false},
        {"delete", "d/token", delete_file, true},
        {"mode", "d/token", change_mode, false},
        {"replace directory", "d/token", replace_directory, false},
        {"delete directory", "d/token", delete_directory, true},
        {"swap a link on the way", "k/token", swap_data, false},
        {"rewrite the target of links", "k/token", rewrite_target, false},
        {"swap a link elsewhere", "through", swap_far_link, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct file_identity before, after;

        AT_CASE("%s", cases[i].name);
        setup(state);
        make_tree();
        before = look(cases[i].file);
        assert_int_equal(before.failure, 0);
        assert_false(has_event());
        cases[i].change();
        assert_true(has_event());
        after = look_well(cases[i].file);
        assert_false(file_identity_equal(&before, &after));
        assert_int_equal(after.failure != 0, cases[i].is_gone);
        assert_int_equal(scan.failure, 0);
        teardown(state);
    }
}

/* A file, or its directory, that does not exist yet. */
static void test_appearance_is_seen(void **state)
{
    setup(state);
    look("d/token");
    temporary_mkdir("d");
    assert_true(has_event());
    look("d/token");
    temporary_write("d/token", "one");
    assert_true(has_event());
    assert_int_equal(look("d/token").failure, 0);
    teardown(state);
}

static void test_watches_end(void **state)
{
    size_t count;

    setup(state);
    make_tree();
    look("k/token");
    count = scan.count;
    look("k/token");
    assert_int_equal(scan.count, count);
    swap_data();
    look_well("k/token");
    assert_int_equal(scan.count, count);
    rewrite_target();
    assert_false(has_event()); /* of the version that is not used any more */
    file_scan_begin(&scan);
    file_scan_end(&scan);
    assert_int_equal(scan.count, 0);
    swap_data();
    has_event(); /* the end of the watches */
    rewrite();
    assert_false(has_event());
    teardown(state);
}

/* Links in a circle and paths that are too long lead nowhere, and end. */
static void test_paths_that_lead_nowhere(void **state)
{
    char name[300];

    setup(state);
    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    temporary_link("b", "a");
    temporary_link("a", "b");
    assert_int_not_equal(look("a").failure, 0);
    assert_int_not_equal(look(name).failure, 0);
    assert_int_not_equal(look("a/../missing//x/").failure, 0);
    teardown(state);
}

static void test_without_inotify(void **state)
{
    struct file_identity found;

    temporary_make(state);
    scan = (struct file_scan){.fd = -1};
    temporary_write("token", "one");
    found = look("token");
    assert_int_equal(found.failure, 0);
    assert_int_equal(found.size, 3);
    assert_int_equal(scan.count, 0);
    file_scan_deinit(&scan);
    temporary_remove(state);
}

/* A file is reported when it was the same twice, and differs from what was reported before. */
static void test_settling(void **state)
{
    static const struct {
        int found; /* the version */
        bool is_reported, is_settling;
    } steps[] = {
        {1, false, true}, {1, true, false},  {1, false, false}, {2, false, true}, {3, false, true},
        {3, true, false}, {4, false, true},  {3, false, false}, {4, false, true}, {4, true, false},
        {0, false, true}, {4, false, false}, {0, false, true},  {0, true, false}, {0, false, false},
    };
    struct file_state file;

    (void)state;
    file_state_init(&file);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        struct file_identity found = {.failure = steps[i].found == 0 ? 2 : 0,
                                      .inode = (ino_t)steps[i].found};

        AT_CASE("%zu", i);
        assert_int_equal(file_state_take(&file, &found), steps[i].is_reported);
        assert_int_equal(file.is_settling, steps[i].is_settling);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_changes_are_seen), cmocka_unit_test(test_appearance_is_seen),
        cmocka_unit_test(test_watches_end),      cmocka_unit_test(test_paths_that_lead_nowhere),
        cmocka_unit_test(test_without_inotify),  cmocka_unit_test(test_settling),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
