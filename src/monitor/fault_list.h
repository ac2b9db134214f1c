/* fault_list.h - the faults of the last reload, as they may be shown. Plain memory of a fixed size.
 */
#ifndef PODOP_MONITOR_FAULT_LIST_H
#define PODOP_MONITOR_FAULT_LIST_H

#include "podop/span.h"

#include <stdint.h>

enum { FAULTS_MAX = 20, FAULT_BYTES = 400 };

/* Zeroed: empty. */
struct fault_list {
    size_t count;
    uint64_t left_out; /* because there was no room */
    char texts[FAULTS_MAX][FAULT_BYTES];
};

void fault_list_clear(struct fault_list *list);
void fault_list_add(struct fault_list *list, struct span text); /* see shown_text_print() */

#endif
