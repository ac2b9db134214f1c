#include "fault_list.h"

#include "shown_text.h"

void fault_list_clear(struct fault_list *list)
{
    list->count = 0;
    list->left_out = 0;
}

void fault_list_add(struct fault_list *list, struct span text)
{
    if (list->count == FAULTS_MAX)
        list->left_out++;
    else
        shown_text_print(text, list->texts[list->count++], FAULT_BYTES);
}
