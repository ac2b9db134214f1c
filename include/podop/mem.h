/* mem.h - memory allocation that never returns NULL: without memory, the process aborts. Sizes that
 * a peer chooses are checked against a limit before they get here. free() frees all of it. */
#ifndef PODOP_MEM_H
#define PODOP_MEM_H

#include <stddef.h>

void *xmalloc(size_t bytes);
void *xmalloc_aligned(size_t alignment, size_t bytes); /* a power of two, at least a pointer */
void *xcalloc(size_t count, size_t bytes);             /* zeroed */
void *xrealloc(void *ptr, size_t bytes);
void *xreallocarray(void *ptr, size_t count, size_t bytes);
char *xstrdup(const char *text);
char *xmemdup0(const void *bytes, size_t len); /* a copy with a NUL after it */

/* Returns freed memory to the system, where the C library has a function for that. */
void mem_trim(void);

/* Returns the struct that contains member, given a pointer to that member. */
#define CONTAINER_OF(ptr, type, member) ((type *)(void *)((char *)(ptr) - offsetof(type, member)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

#endif
