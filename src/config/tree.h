/* tree.h - a configuration as it was written, before anybody asks what it means: a tree of settings
 * that each know where they come from, and the faults found in them. */
#ifndef PODOP_CONFIG_TREE_H
#define PODOP_CONFIG_TREE_H

#include "podop/config.h"

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
    char *text;        /* STRING: its value. Another scalar of --set: VALUE as written. Else NULL */
    long long integer; /* INTEGER, BOOL */
    double real;       /* FLOAT */
    struct node **children;
    size_t count;
};

struct node *node_new(enum node_kind kind, const char *name, const char *origin); /* both copied */
struct node *node_new_string(const char *name, const char *text, const char *origin);
void node_free(struct node **node); /* with all below it; *node becomes NULL */

void node_add(struct node *parent, struct node *child); /* behind the others; child is taken */
/* node becomes what value is, but for its name; *value is taken and becomes NULL. */
void node_assign(struct node *node, struct node **value);

/* The member of a group, or NULL: also where group is NULL or none. */
struct node *node_find(const struct node *group, const char *name);
/* The text of a member that is a string, or NULL. */
const char *node_find_text(const struct node *group, const char *name);

/* What a message calls it: a list, 42, "text". Long texts are cut. */
void node_describe(const struct node *node, char *out, size_t size);

/* Where faults go. */
struct faults {
    config_report_fn *report; /* NULL: nobody wants to read them */
    void *arg;
    size_t count;
    struct string_list *warnings; /* NULL: nobody wants to read them */
};

/* Adds "ORIGIN: warning: MESSAGE" to the warnings, one line whatever the bytes in it. */
void fault_warn(struct faults *faults, const char *origin, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Reports "ORIGIN: MESSAGE", one line whatever the bytes in it. */
void fault_add(struct faults *faults, const char *origin, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
