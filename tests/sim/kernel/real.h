/* real.h - the C library's own functions, for what the model passes on to the real kernel. */
#ifndef SIM_REAL_H
#define SIM_REAL_H

/* The function of this name that comes after this program's in the order of the linker. */
#define REAL(name)                                                                                 \
    __extension__({                                                                                \
        static __typeof__(&name) found;                                                            \
        if (found == NULL)                                                                         \
            real_find(#name, &found);                                                              \
        found;                                                                                     \
    })

void real_find(const char *name, void *function); /* function: a pointer to a function pointer */

#endif
