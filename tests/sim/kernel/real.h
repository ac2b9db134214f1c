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

/* The function of libc itself, below the interceptors of a sanitizer. */
#define LIBC(name)                                                                                 \
    __extension__({                                                                                \
        static __typeof__(&name) found;                                                            \
        if (found == NULL)                                                                         \
            real_find_in_libc(#name, &found);                                                      \
        found;                                                                                     \
    })

void real_find(const char *name, void *function); /* function: a pointer to a function pointer */
void real_find_in_libc(const char *name, void *function);

#endif
