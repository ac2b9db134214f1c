/* schema_struct.h - the fields of a struct that a group of settings describes. Private to
 * src/config. */
#ifndef PODOP_CONFIG_SCHEMA_STRUCT_H
#define PODOP_CONFIG_SCHEMA_STRUCT_H

#include "schema.h"

/* Returns the field of the setting in the struct at base. */
static inline void *setting_field(const struct setting *setting, void *base)
{
    return (char *)base + setting->offset;
}

#endif
