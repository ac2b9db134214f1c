#include "podop/disposal.h"

#include "podop/mem.h"

#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PIECE_BYTES = 2 * 1024 * 1024,
    PIECES_A_TRIM = 16, /* one malloc_trim() after more pieces would take too long */
};

void disposal_init(struct disposal *disposal, void (*wake)(void *arg), void *wake_arg)
{
    *disposal = (struct disposal){.last = &disposal->first, .wake = wake, .wake_arg = wake_arg};
}

void disposal_add(struct disposal *disposal, struct disposable *what)
{
    bool is_first;

    if (disposal == NULL) {
        while (what->give_back_some(what))
            ;
        return;
    }
    is_first = disposal->first == NULL;
    what->next = NULL;
    *disposal->last = what;
    disposal->last = &what->next;
    if (is_first && disposal->wake != NULL)
        disposal->wake(disposal->wake_arg);
}

/* The entry is not in the list while its function runs, because that may add entries. */
bool disposal_run(struct disposal *disposal)
{
    struct disposable *what = disposal->first;

    if (what == NULL)
        return false;
    disposal->first = what->next;
    if (disposal->first == NULL)
        disposal->last = &disposal->first;
    if (what->give_back_some(what)) {
        what->next = disposal->first;
        if (disposal->first == NULL)
            disposal->last = &what->next;
        disposal->first = what;
    }
    if (++disposal->pieces % PIECES_A_TRIM == 0)
        mem_trim();
    return disposal->first != NULL;
}

void disposal_deinit(struct disposal *disposal)
{
    while (disposal_run(disposal))
        ;
}

bool disposal_shrink(void *memory, size_t *bytes)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t begin = ((uintptr_t)memory + page - 1) / page * page;
    const uintptr_t end = ((uintptr_t)memory + *bytes) / page * page;

    if (end <= begin || end - begin <= PIECE_BYTES)
        return false;
    *bytes = (size_t)(end - PIECE_BYTES - (uintptr_t)memory);
    madvise((char *)memory + *bytes, PIECE_BYTES, MADV_DONTNEED);
    return true;
}
