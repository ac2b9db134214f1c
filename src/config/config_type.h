/* config_type.h - what the configuration has to know of a type of table. Each type of src/table
 * describes itself with a struct config_type; the list of them is given to config_load(). */
#ifndef PODOP_CONFIG_CONFIG_TYPE_H
#define PODOP_CONFIG_CONFIG_TYPE_H

#include "schema.h"

/* Slots that a type does not need are NULL or false. The functions open no file and no connection.
 */
struct config_type {
    const char *name;                     /* "url", as podop.conf spells it */
    size_t settings_bytes;                /* of the struct that table_config.settings points to */
    const struct setting_group *settings; /* its fields */
    bool may_be_list;                     /* param may be a list of strings */
    bool can_write;                       /* tables of this type take writes */
    /* Whether param, or one text of its list, is good: 0, or -1 with the reason in err, which is
     * reported with the line of that text. In config, a setting with a fault has its default, and a
     * mandatory one that is missing is NULL or 0. */
    int (*check_param)(const struct table_config *config, const char *param, struct error *err);
    /* The same for what is allowed but most likely a mistake: a failure is a warning. */
    int (*doubt_param)(const char *param, struct error *err);
    /* Returns the file that param names, to be freed, and how podop uses it; NULL: there is none.
     */
    char *(*param_file)(const char *param, enum path_need *need);
    /* Reports settings that demand or exclude each other. table is what was written, config what
     * became of it and of the defaults; where is " in table 'NAME'". Faults of single settings have
     * been reported. */
    void (*cross_check)(const struct node *table, const struct table_config *config,
                        const char *where, struct faults *faults);
    /* Reports faults in 'defaults', as written, that no table can correct. */
    void (*cross_check_defaults)(const struct node *defaults, const struct table_config *config,
                                 struct faults *faults);
};

/* In the order in which messages and manuals name them. */
struct config_types {
    const struct config_type *const *items;
    size_t count;
};

/* NULL where there is none. */
const struct config_type *config_type_find(const struct config_types *types, const char *name);

#endif
