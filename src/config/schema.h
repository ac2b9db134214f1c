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

/* How a value is written, and the field that it becomes. */
enum setting_kind {
    SETTING_STRING,   /* char *; an empty string is a fault, or with may_be_empty NULL. With others
                       * set also a list: the first is this one, the rest go there */
    SETTING_BOOL,     /* bool */
    SETTING_INTEGER,  /* uint32_t */
    SETTING_DURATION, /* uint32_t, milliseconds. A number of seconds, whole or with decimals, or a
                       * string of one with ms, s, m, h or d right behind it (no blank, no sign);
                       * rounded to the millisecond, but never to nothing */
    SETTING_SIZE,     /* size_t. A whole number of bytes, or a string of one with K, M or G (k, m,
                       * g) right behind it: times 1024, 1024^2, 1024^3 */
    SETTING_PERMISSIONS, /* unsigned. A string of three octal digits, or of four with a leading 0;
                          * no number, as libconfig reads 0660 as six hundred and sixty */
    SETTING_ENUM,        /* an enum whose values count from 0 as its names do */
    SETTING_STRINGS,     /* struct string_list. An array or a list of strings */
    SETTING_STATUSES, /* struct status_set. An array or a list of HTTP status codes (201 to 599) and
                       * classes ("3xx", "4xx", "5xx") */
    SETTING_GROUP,    /* a struct, or fields of the same one (offset 0): { ... } */
    SETTING_SECTION,  /* listen, defaults, tables: checked and laid out by build.c */
};

struct setting_group;

struct setting {
    const char *name;
    enum setting_kind kind;
    bool is_mandatory;
    bool may_be_empty;
    bool is_delicate;    /* what stands there by mistake may be a secret: no fault shows it */
    bool is_own;         /* of one table, so not in defaults */
    bool is_for_writes;  /* only in tables of a type that takes writes */
    size_t offset, size; /* of the field in the group's struct */
    uint64_t min, max;   /* INTEGER, DURATION in ms, SIZE in bytes */
    /* As podop.conf spells it: 5, "10s" with its quotes. NULL: none, the field stays zero, or
     * default_note says in words what it becomes. */
    const char *default_text, *default_note;
    const char *const *names; /* ENUM, or the only texts of a STRING; NULL at the end */
    size_t others;            /* of a struct string_list in it; 0: there is none */
    enum path_need need;      /* STRING: it is the path of a file that podop uses like this */
    /* DURATION: a longer one is doubted, as it may have been meant in milliseconds; 0: none is.
     * With is_awaited one with a unit, too: no client waits for longer. */
    uint32_t doubted_s;
    bool is_awaited;
    const char *(*check)(const char *text); /* of a text, or each in a list: NULL, or "must ..." */
    const struct setting_group *group;      /* GROUP, SECTION: what may stand in there */
    const char *doc;
};

struct setting_group {
    const char *name; /* "" is the file itself; "listen", "tables.cache" */
    const struct setting *settings;
    size_t count;
};

extern const struct setting_group schema_root;   /* of struct config; leads to the others */
extern const struct setting_group schema_listen; /* of struct listen_config */
extern const struct setting_group schema_table;  /* of struct table_config, whatever its type */

/* For an array of struct setting: the place of a field, and the array as a group's settings. */
#define SETTING_FIELD(type, member)                                                                \
    .offset = offsetof(struct type, member), .size = sizeof(((struct type *)NULL)->member)
#define SETTINGS_OF(array) .settings = (array), .count = sizeof(array) / sizeof((array)[0])
#define SETTING_SECOND_MS UINT64_C(1000)
#define SETTING_DAY_MS (24 * 3600 * SETTING_SECOND_MS)
#define SETTING_MIB (UINT64_C(1024) * 1024)

/* For .check: NULL, or what is wrong. */
const char *setting_check_file(const char *text); /* an absolute path */
const char *
setting_check_unix_path(const char *text);  /* and one that is short enough for a socket */
bool setting_has_control(const char *text); /* a control byte */

const char *setting_kind_name(enum setting_kind kind); /* "duration" */

/* NULL where there is none. */
const struct setting *schema_find(const struct setting_group *group, const char *name);
/* " (did you mean 'NAME'?)" for a name that none of the groups knows, or nothing: it may also be
 * known a level below. */
void schema_hint(const struct setting_group *const groups[], size_t count, const char *name,
                 char *out, size_t size);

/* Everything below works on the struct that group describes. */

/* Fields without default_text are left alone; base is zeroed or was set before. */
void schema_set_defaults(const struct setting_group *group, void *base);
void schema_clear(const struct setting_group *group, void *base); /* frees strings and lists */
bool schema_equal(const struct setting_group *group, const void *a, const void *b);

/* What a value that is one number becomes, in the field's unit; false: it is not good. */
bool setting_read_number(const struct setting *setting, const struct node *value, uint64_t *n);

/* Checks one value (of a kind below GROUP) and puts it into its field, replacing what was there.
 * 0, or -1 with each fault reported as "'NAME' WHERE must ..., got VALUE" and the field untouched;
 * where is " in table 'alias'" or "". */
int setting_store(const struct setting *setting, const struct node *value, void *base,
                  const char *where, struct faults *faults);

#endif
