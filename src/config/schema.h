/* schema.h - the settings of podop.conf: each with its kind, range, default and meaning, written
 * once. Checks, defaults, hints at typos and freeing all follow these arrays, and a test holds
 * etc/podop.conf.example to them. Used by src/config, and by the types of tables, which describe
 * their own settings in the same way.
 *
 * A new setting is a field in settings.h and an entry in an array of schema.c, or both in the
 * folder of the table type that it is for. */
#ifndef PODOP_CONFIG_SCHEMA_H
#define PODOP_CONFIG_SCHEMA_H

#include "podop/settings.h"

#include "tree.h"

/* How a value is written, and the type of its field. */
enum setting_kind {
    SETTING_STRING,   /* char *. An empty string is a fault, or NULL with may_be_empty. If others is
                       * set,   a list of strings as well: the first goes here, the rest go there */
    SETTING_BOOL,     /* bool */
    SETTING_INTEGER,  /* uint32_t */
    SETTING_DURATION, /* uint32_t, milliseconds. A number of seconds, which may have decimals, or a
                       * string of a number and a unit (ms, s, m, h, d) without a blank between
                       * them. Rounded to the millisecond, but never down to 0 */
    SETTING_SIZE, /* size_t. A number of bytes, or a string of a number and a unit (K, M, G, k, m,
                   * g: times 1024, 1024^2, 1024^3) without a blank between them */
    SETTING_PERMISSIONS, /* unsigned. A string of three octal digits, or of four with a leading 0;
                          * not a number, as libconfig reads 0660 as six hundred and sixty */
    SETTING_ENUM,        /* an enum whose values count from 0 in the order of its names. A bool is
                          * the name "true" or "false" */
    SETTING_STRINGS,     /* struct string_list. An array or a list of strings; with may_be_one, a
                          * string is a list of itself */
    SETTING_STATUSES, /* struct status_set. An array or a list of HTTP status codes (201 to 599) and
                       * classes ("3xx", "4xx", "5xx") */
    SETTING_GROUP,    /* a struct, or fields of the same struct (offset 0): { ... } */
    SETTING_SECTION,  /* listen, defaults, tables: left to build.c */
};

struct setting_group;

struct setting {
    const char *name;
    enum setting_kind kind;
    bool is_mandatory; /* of a listener or a table; not looked at within a GROUP */
    bool may_be_empty;
    bool may_be_one;     /* STRINGS: one string does not need to be in a list; see also preset */
    bool is_delicate;    /* a wrong value may be a secret, so no message shows it */
    bool is_own;         /* each table needs its own value, so it cannot be in defaults */
    bool is_for_writes;  /* only in tables of a type that takes writes */
    bool is_awaited;     /* DURATION: clients wait for it; see doubted_s */
    size_t offset, size; /* of the field in the group's struct */
    uint64_t min, max;   /* INTEGER, DURATION in ms, SIZE in bytes */
    /* The default as written in podop.conf: 5, false, or "10s" with its quotes. NULL: the field
     * stays zero, and default_note explains that in words. */
    const char *default_text, *default_note;
    const char *const *names; /* ENUM, or the only texts of STRING or STRINGS; NULL at the end */
    /* STRINGS with may_be_one: returns the strings that one string stands for, with NULL at the
     * end, or NULL for the string itself. */
    const char *const *(*preset)(const char *text);
    size_t others; /* STRING: offset of a struct string_list for the rest of a list; 0: none */
    enum path_need need; /* STRING: how podop uses the file of this path */
    /* DURATION: a longer one without a unit gives a warning, because it may be in milliseconds; 0:
     * no warning. With is_awaited, a longer one with a unit gives a warning, too, because no client
     * waits so long. */
    uint32_t doubted_s;
    const char *(*check)(const char *text); /* of each string: NULL, or a fault, "must ..." */
    const struct setting_group *group;      /* GROUP, SECTION: the settings in it */
    const char *doc;
};

struct setting_group {
    const char *name; /* "" is the file itself; "listen", "tables.cache" */
    const struct setting *settings;
    size_t count;
};

extern const struct setting_group schema_root;   /* of struct config; leads to the others */
extern const struct setting_group schema_listen; /* of struct listen_config */
extern const struct setting_group schema_table;  /* of struct table_config, for all types */

/* Initialisers: offset and size of a field in struct setting, and an array in struct setting_group.
 */
#define SETTING_FIELD(type, member)                                                                \
    .offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member)
#define SETTINGS_OF(array) .settings = (array), .count = sizeof(array) / sizeof((array)[0])
#define SETTING_SECOND_MS UINT64_C(1000)
#define SETTING_DAY_MS (UINT64_C(24) * 3600 * SETTING_SECOND_MS)
#define SETTING_MIB (UINT64_C(1024) * 1024)

/* For .check: return NULL, or what is wrong. A file and a unix socket need absolute paths. */
const char *setting_check_file(const char *text);
const char *setting_check_unix_path(const char *text);
bool setting_has_control(const char *text); /* returns whether text has a control byte */

const char *setting_kind_name(enum setting_kind kind); /* "duration" */

/* Returns the setting of that name, or NULL. */
const struct setting *schema_find(const struct setting_group *group, const char *name);

/* The functions below work on the struct that group describes. */

/* Stores the defaults. Leaves fields without default_text as they are. */
void schema_set_defaults(const struct setting_group *group, void *base);
void schema_clear(const struct setting_group *group, void *base); /* frees strings and lists */
bool schema_equal(const struct setting_group *group, const void *a, const void *b);

/* Reads a value that is a number, in the unit of its field. Returns false for an invalid value. */
bool setting_read_number(const struct setting *setting, const struct node *value, uint64_t *n);

/* Checks a value, of any kind but GROUP and SECTION, and replaces the field with it. Returns 0, or
 * -1 with each fault reported as "'NAME' WHERE must ..., got VALUE" and the field unchanged. where
 * is " in table 'alias'" or "". */
int setting_store(const struct setting *setting, const struct node *value, void *base,
                  const char *where, struct faults *faults);

#endif
