/* table_types.c - the types of tables. A new type is one line here: its table_ops is table_NAME. */
#include "table_type.h"

/* In the order in which messages and manuals name them. */
#define TABLE_TYPES(TYPE)                                                                          \
    TYPE(url)                                                                                      \
    TYPE(json)                                                                                     \
    TYPE(dns)                                                                                      \
    TYPE(program)                                                                                  \
    /* a new type is a line above this one */

#define DECLARE(name) extern const struct table_ops table_##name;
#define ITEM(name) &table_##name.config,

TABLE_TYPES(DECLARE)

static const struct config_type *const items[] = {TABLE_TYPES(ITEM)};

const struct config_types table_types = {items, sizeof(items) / sizeof(items[0])};
