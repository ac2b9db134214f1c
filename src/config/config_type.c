#include "config_type.h"

#include <string.h>

const struct config_type *config_type_find(const struct config_types *types, const char *name)
{
    for (size_t i = 0; name != NULL && i < types->count; i++) {
        if (strcmp(types->items[i]->name, name) == 0)
            return types->items[i];
    }
    return NULL;
}
