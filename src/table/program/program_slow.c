#include "program_slow.h"

bool program_slow_has(const struct program_slow *slow, uint64_t key)
{
    for (unsigned i = 0; i < slow->count && key != 0; i++) {
        if (slow->keys[i] == key)
            return true;
    }
    return false;
}

void program_slow_add(struct program_slow *slow, uint64_t key)
{
    if (key == 0 || program_slow_has(slow, key))
        return;
    if (slow->count < PROGRAM_SLOW_KEYS_MAX) {
        slow->keys[slow->count++] = key;
        return;
    }
    slow->keys[slow->next] = key;
    slow->next = (slow->next + 1) % PROGRAM_SLOW_KEYS_MAX;
}

void program_slow_remove(struct program_slow *slow, uint64_t key)
{
    for (unsigned i = 0; i < slow->count; i++) {
        if (slow->keys[i] != key)
            continue;
        slow->keys[i] = slow->keys[--slow->count];
        slow->next = 0;
        return;
    }
}
