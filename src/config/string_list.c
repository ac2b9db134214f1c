#include "string_list.h"

#include "podop/mem.h"

#include <stdlib.h>

void string_list_add(struct string_list *list, const char *text)
{
    list->items = xreallocarray(list->items, list->count + 1, sizeof(list->items[0]));
    list->items[list->count++] = xstrdup(text);
}

void string_list_clear(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct string_list){0};
}
