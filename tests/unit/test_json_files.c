#include "unit.h"

#include "podop/json_files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PATH_BYTES = 64 };

static char path[PATH_BYTES];
static const struct key_config no_rules;

static void write_file(const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_true(fd != -1 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/podop-test-files.%ld", (long)getpid());
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return 0;
}

/* Makes the file's times old enough that a change changes them. */
static void settle(void)
{
    struct timespec now;
    struct stat info;

    do {
        poll(NULL, 0, 10);
        clock_gettime(CLOCK_REALTIME, &now);
        assert_int_equal(stat(path, &info), 0);
    } while (info.st_ctim.tv_sec + 1 >= now.tv_sec);
}

static struct json_files *read_after(const struct json_files *previous)
{
    struct json_files *files = json_files_new(NULL);

    json_files_read(files, previous, path, &no_rules);
    return files;
}

/* Returns the index for comparisons only: not a reference. */
static const struct json_index *index_of(struct json_files *files)
{
    struct error err = {0};
    struct json_index *index = json_files_get(files, path, &no_rules, &err);
    const struct json_index *seen = index;

    json_index_unref(&index, NULL);
    return seen;
}

static void test_json_files_unchanged_is_shared(void **state)
{
    struct json_files *first, *second, *third;

    (void)state;
    write_file("{\"k\": \"old\"}");
    settle();
    first = read_after(NULL);
    second = read_after(first);
    assert_non_null(index_of(first));
    assert_ptr_equal(index_of(first), index_of(second));
    json_files_free(&first); /* the other keeps it */
    third = read_after(second);
    assert_ptr_equal(index_of(second), index_of(third));
    assert_true(span_equal(json_index_value(index_of(third), 0), SPAN("\"old\"")));
    json_files_free(&second);
    json_files_free(&third);
}

/* Tables share a file if their keys have the same normal form. */
static void test_json_files_of_one_normal_form_are_shared(void **state)
{
    static const struct key_config folded = {.fold = KEY_FOLD_ALL, .propagate = true},
                                   alike = {.fold = KEY_FOLD_ALL};
    struct json_files *files = json_files_new(NULL);
    struct json_index *plain, *first, *second;
    struct error err = {0};

    (void)state;
    write_file("{\"K\": 1}");
    plain = json_files_get(files, path, &no_rules, &err);
    first = json_files_get(files, path, &folded, &err);
    second = json_files_get(files, path, &alike, &err);
    assert_ptr_equal(first, second);
    assert_ptr_not_equal(first, plain);
    assert_true(span_equal(json_index_key(plain, 0), SPAN("K")));
    assert_true(span_equal(json_index_key(first, 0), SPAN("k")));
    json_index_unref(&plain, NULL);
    json_index_unref(&first, NULL);
    json_index_unref(&second, NULL);
    json_files_free(&files);
}

static void assert_reread(const char *text)
{
    struct json_files *first = read_after(NULL), *second;
    struct error err = {0};
    struct json_index *index;

    if (text != NULL)
        write_file(text);
    second = read_after(first);
    assert_ptr_not_equal(index_of(first), index_of(second));
    index = json_files_get(second, path, &no_rules, &err);
    if (text == NULL)
        assert_non_null(index);
    else
        assert_true(span_equal(json_index_value(index, 0), SPAN("\"new\"")));
    json_index_unref(&index, NULL);
    json_files_free(&first);
    json_files_free(&second);
}

static void test_json_files_changed_is_read(void **state)
{
    (void)state;
    write_file("{\"k\": \"old\"}");
    settle();
    assert_reread("{\"k\": \"new\"}"); /* no other size */
}

/* A file that was just changed is read again, because a second change may not change its times. */
static void test_json_files_young_is_read(void **state)
{
    (void)state;
    write_file("{\"k\": \"old\"}");
    assert_reread(NULL);
}

static void test_json_files_replaced_is_read(void **state)
{
    char other[PATH_BYTES + 2];
    struct timespec times[2];
    struct json_files *first, *second;
    struct stat info;

    (void)state;
    write_file("{\"k\": \"old\"}");
    settle();
    first = read_after(NULL);
    assert_int_equal(stat(path, &info), 0);
    snprintf(other, sizeof(other), "%s.o", path);
    assert_int_equal(rename(path, other), 0);
    write_file("{\"k\": \"new\"}");
    times[0] = info.st_atim;
    times[1] = info.st_mtim; /* as cp -p leaves it */
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    second = read_after(first);
    assert_true(span_equal(json_index_value(index_of(second), 0), SPAN("\"new\"")));
    json_files_free(&first);
    json_files_free(&second);
    unlink(other);
}

static void test_json_files_faults_are_kept(void **state)
{
    struct json_files *first, *second;
    struct error err = {0};

    (void)state;
    write_file("{\n\"k\": nul}");
    first = read_after(NULL);
    assert_null(json_files_get(first, path, &no_rules, &err));
    assert_non_null(strstr(err.text, "line 2, column 6"));
    write_file("{\"k\": \"new\"}");
    assert_null(json_files_get(first, path, &no_rules,
                               &err)); /* the same answer for all tables of one reload */
    second = read_after(first);
    assert_non_null(index_of(second));
    json_files_free(&first);
    json_files_free(&second);
}

static void test_json_files_cancelled(void **state)
{
    struct json_files *files = json_files_new(NULL);
    struct error err = {0};

    (void)state;
    write_file("{\"k\": \"old\"}");
    json_files_cancel(files);
    json_files_read(files, NULL, path, &no_rules);
    assert_null(json_files_get(files, path, &no_rules, &err));
    json_files_free(&files);
}

/* Members in any order are sorted, and found byte by byte. */
static void test_json_index_find(void **state)
{
    static const char *const contents[] = {
        "{\"a\": 1, \"b\": 2, \"ba\": 3, \"\\u00e4\": 4}",
        "{\"ba\": 3, \"\\u00e4\": 4, \"a\": 1, \"b\": 2}",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        struct error err = {0};
        struct json_index *index;

        write_file(contents[i]);
        index = json_index_read(path, NULL, NULL, &err);
        assert_non_null(index);
        assert_int_equal(json_index_count(index), 4);
        assert_int_equal(json_index_find(index, SPAN("")), 0);
        assert_int_equal(json_index_find(index, SPAN("b")), 1);
        assert_int_equal(json_index_find(index, SPAN("bb")), 3);
        assert_true(span_equal(json_index_key(index, 3), SPAN("\xc3\xa4")));
        assert_true(span_equal(json_index_value(index, 2), SPAN("3")));
        assert_int_equal(json_index_find(index, SPAN("\xff")), 4);
        json_index_unref(&index, NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_files_unchanged_is_shared),
        cmocka_unit_test(test_json_files_of_one_normal_form_are_shared),
        cmocka_unit_test(test_json_files_changed_is_read),
        cmocka_unit_test(test_json_files_young_is_read),
        cmocka_unit_test(test_json_files_replaced_is_read),
        cmocka_unit_test(test_json_files_faults_are_kept),
        cmocka_unit_test(test_json_files_cancelled),
        cmocka_unit_test(test_json_index_find),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
