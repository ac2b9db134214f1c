/* config_case.h - shared by the tests of config_load(): a directory with a podop.conf, and the
 * faults that are reported about it. */
#ifndef PODOP_TESTS_CONFIG_CASE_H
#define PODOP_TESTS_CONFIG_CASE_H

#include "unit.h"

#include "podop/config.h"
#include "podop/table.h"

#include "config/config_type.h"
#include "table/url/url_settings.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEARD_BYTES_MAX = 8192 };

/* All reported faults, one a line. */
struct reported {
    char text[HEARD_BYTES_MAX];
};

static inline void collect(void *arg, const char *text)
{
    struct reported *reported = arg;
    size_t len = strlen(reported->text);

    assert_true(len + strlen(text) + 2 < sizeof(reported->text));
    snprintf(reported->text + len, sizeof(reported->text) - len, "%s\n", text);
}

/* Writes a file. The tests run in their own directory, so messages begin with "podop.conf:". */
static inline void write_bytes(const char *file, const void *bytes, size_t len)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    assert_int_not_equal(fd, -1);
    assert_int_equal(write(fd, bytes, len), len);
    close(fd);
}

static inline void write_text(const char *file, const char *text)
{
    write_bytes(file, text, strlen(text));
}

enum { TYPES_MAX = 16 };

/* Returns podop's own types, but with any text allowed as param. */
static inline const struct config_types *unchecked_types(void)
{
    static struct config_type types[TYPES_MAX];
    static const struct config_type *items[TYPES_MAX];
    static const struct config_types unchecked = {items, 4};

    assert_int_equal(table_types.count, unchecked.count);
    for (size_t i = 0; i < table_types.count; i++) {
        types[i] = *table_types.items[i];
        types[i].check_param = NULL;
        types[i].doubt_param = NULL;
        items[i] = &types[i];
    }
    return &unchecked;
}

/* Loads source, with unchecked_types() if it has no types. */
static inline struct config *load(const struct config_source *source, struct reported *reported)
{
    struct config_source with_types = *source;

    if (source->types == NULL)
        with_types.types = unchecked_types();
    reported->text[0] = '\0';
    return config_load(&with_types, collect, reported);
}

/* Loads source, with text in podop.conf (NULL: no file), and asserts that there is no fault. */
static inline struct config *load_good(const char *text, struct config_source source)
{
    struct reported reported;
    struct config *config;

    if (text != NULL) {
        write_text("podop.conf", text);
        source.file = "podop.conf";
    }
    config = load(&source, &reported);
    assert_string_equal(reported.text, "");
    assert_non_null(config);
    return config;
}

static inline void assert_faults(const char *text, struct config_source source,
                                 const char *expected)
{
    struct reported reported;

    if (text != NULL) {
        write_text("podop.conf", text);
        source.file = "podop.conf";
    }
    assert_null(load(&source, &reported));
    assert_string_equal(reported.text, expected);
}

#define LISTEN "listen = ( { socket = \"/s\"; } );\n"
#define TABLE(more)                                                                                \
    "tables = ( { name = \"a\"; type = \"url\"; param = \"http://h/{}\"; " more " } );\n"

static inline int enter_directory(void **state)
{
    char name[] = "/tmp/podop-test-config-XXXXXX";

    if (mkdtemp(name) == NULL || chdir(name) == -1)
        return -1;
    *state = xstrdup(name);
    return 0;
}

static inline int leave_directory(void **state)
{
    static const char *const files[] = {
        "podop.conf",    "nul.conf",      "inc.conf",    "d/podop.conf",
        "d/listen.conf", "d/tables.conf", "d/pool.conf",
    };

    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        unlink(files[i]);
    rmdir("d");
    if (chdir("/") == -1 || rmdir(*state) == -1)
        return -1;
    free(*state);
    return 0;
}

#endif
