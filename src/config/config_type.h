/* config_type.h - what the configuration has to know of a type of table. Each type of src/table
 * describes itself with one; the list of them is given to config_load(). */
#ifndef PODOP_CONFIG_CONFIG_TYPE_H
#define PODOP_CONFIG_CONFIG_TYPE_H

#include "schema.h"

/* A slot that is NULL or false stands for "nothing of the kind". The functions open no file and ask
 * nobody. */
struct config_type {
    const char *name;                     /* "url", as podop.conf spells it */
    const char *param_doc;                /* what param is, for the manual */
    size_t settings_bytes;                /* of the struct that table_config.settings points to */
    const struct setting_group *settings; /* its fields */
    bool may_be_list;                     /* param may be a list of strings */
    bool can_write;                       /* tables of this type take writes */
    /* Whether param, or one text of its list, is good: 0, or -1 with the reason in err, which is
     * reported with the line of that text. config is complete. */
    int (*check_param)(const struct table_config *config, const char *param, struct error *err);
    /* The same for what is allowed and hardly meant: a failure is a warning. */
    int (*doubt_param)(const char *param, struct error *err);
    /* The file that param names, to be freed, and what podop needs of it; or NULL. */
    char *(*param_file)(const char *param, enum path_need *need);
    /* Reports settings that demand or exclude each other. table is what was written, config what
     * became of it and of the defaults; where is " in table 'NAME'". Faults of single settings have
     * been reported. */
    void (*cross_check)(const struct node *table, const struct table_config *config,
                        const char *where, struct faults *faults);
    /* The same for what no table can make good, in 'defaults' as written. */
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
