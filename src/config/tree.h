/* tree.h - a configuration as it was written: a tree of settings, each with its origin. Also
 * reports faults. */
#ifndef PODOP_CONFIG_TREE_H
#define PODOP_CONFIG_TREE_H

#include "podop/settings.h"

enum node_kind {
    NODE_GROUP, /* { name = value; ... } */
    NODE_LIST,  /* ( value, ... ) */
    NODE_ARRAY, /* [ scalar, ... ] */
    NODE_STRING,
    NODE_INTEGER,
    NODE_FLOAT,
    NODE_BOOL,
};

struct node {
    char *name;   /* NULL in a list, in an array and of the root */
    char *origin; /* "FILE:LINE" or the option, never NULL */
    enum node_kind kind;
    char *text;        /* STRING: its value. Another scalar: VALUE of --set as written, or NULL */
    long long integer; /* INTEGER, BOOL */
    double real;       /* FLOAT */
    struct node **children;
    size_t count;
};

struct node *node_new(enum node_kind kind, const char *name, const char *origin); /* both copied */
struct node *node_new_string(const char *name, const char *text, const char *origin);
void node_free(struct node **node); /* frees its children, too; *node becomes NULL */

void node_add(struct node *parent, struct node *child); /* appends child, which is taken */
/* Replaces the content of node, but not its name. Takes *value, which becomes NULL. */
void node_assign(struct node *node, struct node **value);

/* Returns the member of a group, or NULL. group may be NULL, or a node that is not a group. */
struct node *node_find(const struct node *group, const char *name);
/* Returns the text of a member that is a string, or NULL. */
const char *node_find_text(const struct node *group, const char *name);

/* Writes the value as messages show it: a list, 42, "text". Shortens long texts. */
void node_describe(const struct node *node, char *out, size_t size);

/* Receives faults and warnings. */
struct faults {
    config_report_fn *report; /* NULL: faults are only counted */
    void *arg;
    size_t count;
    struct string_list *warnings; /* NULL: there are no warnings */
};

/* Adds "ORIGIN: warning: MESSAGE" to the warnings, as one line: control bytes are escaped. */
void fault_warn(struct faults *faults, const char *origin, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reports "ORIGIN: MESSAGE", as one line: control bytes are escaped. */
void fault_add(struct faults *faults, const char *origin, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
