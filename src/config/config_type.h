/* config_type.h - describes a type of table to the configuration. Each type of src/table has a
 * struct config_type; config_load() gets a list of them. */
#ifndef PODOP_CONFIG_CONFIG_TYPE_H
#define PODOP_CONFIG_CONFIG_TYPE_H

#include "schema.h"

/* Members that a type does not need are NULL or false. The functions open no file and no
 * connection. */
struct config_type {
    const char *name;                     /* "url", as podop.conf spells it */
    size_t settings_bytes;                /* of the struct that table_config.settings points to */
    const struct setting_group *settings; /* its fields */
    bool may_be_list;                     /* param may be a list of strings */
    bool can_write;                       /* tables of this type take writes */
    bool runs_programs;                   /* tables of this type start processes */
    /* Checks param, or one text of its list. Returns 0, or -1 with the reason in err, which is
     * reported with the line of that text. In config, a setting with a fault has its default, and a
     * mandatory one that is missing is NULL or 0. */
    int (*check_param)(const struct table_config *config, const char *param, struct error *err);
    /* The same for a param that is allowed but probably wrong: a failure is a warning. */
    int (*doubt_param)(const char *param, struct error *err);
    /* Returns the file that param names, which the caller frees, and sets *need to how podop uses
     * it. Returns NULL if there is no file. */
    char *(*param_file)(const char *param, enum path_need *need);
    /* Reports settings that demand or exclude each other. table is the table as written, config the
     * result with the defaults; where is " in table 'NAME'". Faults of single settings have been
     * reported. */
    void (*cross_check)(const struct node *table, const struct table_config *config,
                        const char *where, struct faults *faults);
    /* The same for 'defaults'. Reports only faults that a table cannot correct. */
    void (*cross_check_defaults)(const struct node *defaults, const struct table_config *config,
                                 struct faults *faults);
};

/* Messages and manuals name the types in this order. */
struct config_types {
    const struct config_type *const *items;
    size_t count;
};

/* Returns the type of this name, or NULL. */
const struct config_type *config_type_find(const struct config_types *types, const char *name);

#endif
