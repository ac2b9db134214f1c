/* string_list.h - lists of strings that own their strings. Private to src/config. */
#ifndef PODOP_CONFIG_STRING_LIST_H
#define PODOP_CONFIG_STRING_LIST_H

#include "podop/settings.h"

void string_list_add(struct string_list *list, const char *text); /* text is copied */
void string_list_clear(struct string_list *list);                 /* it is empty then */

#endif
