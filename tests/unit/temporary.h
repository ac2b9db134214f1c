/* temporary.h - a directory for files of one test, and what may happen to these files. */
#ifndef PODOP_TESTS_TEMPORARY_H
#define PODOP_TESTS_TEMPORARY_H

#include "unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEMPORARY_BYTES = 200 };

static char temporary[TEMPORARY_BYTES]; /* the directory */

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *at)
{
    (void)info;
    (void)type;
    (void)at;
    return remove(path);
}

static int temporary_make(void **state)
{
    const char *where = getenv("TMPDIR");

    (void)state;
    snprintf(temporary, sizeof(temporary), "%s/podop-test-XXXXXX", where == NULL ? "/tmp" : where);
    assert_non_null(mkdtemp(temporary));
    return 0;
}

static int temporary_remove(void **state)
{
    (void)state;
    return nftw(temporary, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* Returns the path of a file in the directory. The caller frees it. */
static char *temporary_path(const char *name)
{
    char path[2 * TEMPORARY_BYTES];

    snprintf(path, sizeof(path), "%s/%s", temporary, name);
    return xstrdup(path);
}

/* Writes the file in place. */
static void temporary_write(const char *name, const char *content)
{
    char *path = temporary_path(name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
    free(path);
}

static inline void temporary_rename(const char *from, const char *to)
{
    char *a = temporary_path(from), *b = temporary_path(to);

    assert_int_equal(rename(a, b), 0);
    free(a);
    free(b);
}

static inline void temporary_delete(const char *name)
{
    char *path = temporary_path(name);

    assert_int_equal(remove(path), 0);
    free(path);
}

static inline void temporary_mkdir(const char *name)
{
    char *path = temporary_path(name);

    assert_int_equal(mkdir(path, 0700), 0);
    free(path);
}

/* Replaces the file in one step. */
static inline void temporary_replace(const char *name, const char *content)
{
    temporary_write("new", content);
    temporary_rename("new", name);
}

/* Makes a link, or replaces one in one step. */
static inline void temporary_link(const char *target, const char *name)
{
    char *path = temporary_path("link");

    assert_int_equal(symlink(target, path), 0);
    temporary_rename("link", name);
    free(path);
}

#endif
